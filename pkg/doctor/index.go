// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// index finds facts by name.
type index struct {
	services   map[types.NamespacedName]*corev1.Service
	slices     map[types.NamespacedName][]*discoveryv1.EndpointSlice // by Service
	pods       map[types.NamespacedName]*corev1.Pod
	podsOf     map[string][]*corev1.Pod // by namespace
	policies   map[string][]*networkingv1.NetworkPolicy
	namespaces map[string]labels.Set
	workloads  []workload
}

func newIndex(f *Facts) *index {
	x := &index{
		services:   map[types.NamespacedName]*corev1.Service{},
		slices:     map[types.NamespacedName][]*discoveryv1.EndpointSlice{},
		pods:       map[types.NamespacedName]*corev1.Pod{},
		podsOf:     map[string][]*corev1.Pod{},
		policies:   map[string][]*networkingv1.NetworkPolicy{},
		namespaces: map[string]labels.Set{},
		workloads:  f.workloads(),
	}
	for _, s := range f.Services {
		x.services[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = s
	}
	for _, s := range f.EndpointSlices {
		of := types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
		x.slices[of] = append(x.slices[of], s)
	}
	for _, p := range f.Pods {
		x.pods[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
		x.podsOf[p.Namespace] = append(x.podsOf[p.Namespace], p)
	}
	for _, p := range f.Policies {
		x.policies[p.Namespace] = append(x.policies[p.Namespace], p)
	}
	for _, n := range f.Namespaces {
		set := labels.Set{corev1.LabelMetadataName: n.Name}
		maps.Copy(set, n.Labels)
		x.namespaces[n.Name] = set
	}
	return x
}

// selected are the Pods in a namespace that a selector of a Service selects; none for an empty one.
func (x *index) selected(namespace string, selector map[string]string) []*corev1.Pod {
	if len(selector) == 0 {
		return nil
	}
	matches := labels.SelectorFromSet(selector)
	var found []*corev1.Pod
	for _, p := range x.podsOf[namespace] {
		if matches.Matches(labels.Set(p.Labels)) {
			found = append(found, p)
		}
	}
	return found
}
