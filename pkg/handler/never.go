// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
)

// SelectsNothing says why no labels can match a valid selector, and nothing if some can. A parameter that can never
// match is a mistake, which a check would be silent about.
func SelectsNothing(selector *metav1.LabelSelector) string {
	type wanted struct {
		values        sets.Set[string] // nil: any
		not           sets.Set[string]
		exists, lacks bool
	}
	byKey := map[string]*wanted{}
	of := func(key string) *wanted {
		if byKey[key] == nil {
			byKey[key] = &wanted{not: sets.New[string]()}
		}
		return byKey[key]
	}
	in := func(key string, values ...string) {
		w := of(key)
		if w.exists = true; w.values == nil {
			w.values = sets.New(values...)
		}
		w.values = w.values.Intersection(sets.New(values...))
	}
	for key, value := range selector.MatchLabels {
		in(key, value)
	}
	for _, r := range selector.MatchExpressions {
		switch r.Operator {
		case metav1.LabelSelectorOpIn:
			in(r.Key, r.Values...)
		case metav1.LabelSelectorOpNotIn:
			of(r.Key).not.Insert(r.Values...)
		case metav1.LabelSelectorOpExists:
			of(r.Key).exists = true
		case metav1.LabelSelectorOpDoesNotExist:
			of(r.Key).lacks = true
		}
	}
	for _, key := range sets.List(sets.KeySet(byKey)) {
		w := byKey[key]
		if w.exists && w.lacks || w.values != nil && len(w.values.Difference(w.not)) == 0 {
			return fmt.Sprintf("selects nothing: no value of label %q meets all that is asked of it", key)
		}
	}
	return ""
}

// NoResource says why Kubernetes has no resource of that name, which is a plural and, except in the core group, its
// group behind a dot. It says nothing of groups that are not Kubernetes' own.
func NoResource(name string) string {
	own := runtime.NewScheme() // To the one that client-go has, authors add their types.
	utilruntime.Must(scheme.AddToScheme(own))
	asked := schema.ParseGroupResource(name)
	if !own.IsGroupRegistered(asked.Group) {
		return ""
	}
	var elsewhere []string
	for kind := range own.AllKnownTypes() {
		plural, singular := meta.UnsafeGuessKindToResource(kind)
		switch found := plural.GroupResource(); {
		case found == asked:
			return ""
		case found.Resource == asked.Resource, singular.Resource == asked.Resource && kind.Group == asked.Group:
			elsewhere = append(elsewhere, found.String())
		}
	}
	slices.Sort(elsewhere)
	if elsewhere = slices.Compact(elsewhere); len(elsewhere) == 0 {
		return "is no resource of Kubernetes: write its plural name and its group, as in deployments.apps"
	}
	return "is no resource of Kubernetes: write " + strings.Join(elsewhere, " or ")
}
