// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
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
