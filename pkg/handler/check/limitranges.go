// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// containerDefaults are the requests and limits that a LimitRange gives containers which have none, by resource.
type containerDefaults struct{ requests, limits pairs }

// limitRanges keep the defaults of containers, of those that have any.
func limitRanges() *view.View[containerDefaults] {
	return view.New("defaults", &corev1.LimitRange{}, &corev1.LimitRangeList{},
		func(o *corev1.LimitRange) (view.Kept[containerDefaults], bool) {
			requests, limits := map[string]string{}, map[string]string{}
			for _, item := range o.Spec.Limits {
				if item.Type != corev1.LimitTypeContainer {
					continue
				}
				// What one does not say, the API server takes from the others, in this order.
				own := map[string]string{}
				addMissing(own, textsOf(item.Default), textsOf(item.Max))
				addMissing(limits, own)
				addMissing(requests, textsOf(item.DefaultRequest), own, textsOf(item.Min))
			}
			kept := view.Kept[containerDefaults]{
				Value: containerDefaults{pairsOf(requests), pairsOf(limits)}, Keys: []view.Key{{Text: everyWorkload}},
			}
			return kept, len(requests)+len(limits) > 0
		})
}

func addMissing(to map[string]string, from ...map[string]string) {
	for _, set := range from {
		for name, text := range set {
			if _, ok := to[name]; !ok {
				to[name] = text
			}
		}
	}
}

func textsOf(list corev1.ResourceList) map[string]string {
	texts := make(map[string]string, len(list))
	for name, q := range list {
		texts[string(name)] = q.String()
	}
	return texts
}

// defaultsIn are the defaults of a namespace. Of several LimitRanges the first by name counts, resource by resource.
func defaultsIn(ctx context.Context, env handler.Environment, namespace string) (corev1.ResourceRequirements, error) {
	defaults := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	find, err := finderOf(ctx, env, limitRanges())
	if err != nil {
		return defaults, err
	}
	err = find(view.Query{Key: everyWorkload, In: namespace}, func(found view.Found[containerDefaults]) bool {
		found.Value.requests.addTo(defaults.Requests)
		found.Value.limits.addTo(defaults.Limits)
		return true
	})
	return defaults, err
}

func (p pairs) addTo(list corev1.ResourceList) {
	for i := 0; i+1 < len(p); i += 2 {
		if _, ok := list[corev1.ResourceName(p[i])]; ok {
			continue
		}
		if q, err := resource.ParseQuantity(p[i+1]); err == nil {
			list[corev1.ResourceName(p[i])] = q
		}
	}
}

// withDefaults is what the API server makes of a container's resources. A limit is taken for a request before a
// LimitRange is looked at.
func withDefaults(own, defaults corev1.ResourceRequirements) corev1.ResourceRequirements {
	filled := corev1.ResourceRequirements{Requests: corev1.ResourceList{}, Limits: corev1.ResourceList{}}
	for _, list := range []corev1.ResourceList{defaults.Requests, own.Limits, own.Requests} {
		maps.Copy(filled.Requests, list)
	}
	maps.Copy(filled.Limits, defaults.Limits)
	maps.Copy(filled.Limits, own.Limits)
	return filled
}
