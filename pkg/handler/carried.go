// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import "k8s.io/apimachinery/pkg/util/sets"

// maxComparisons bounds what an update costs whose violations all have the same identity, before and after: comparing
// each with each is for a few. Those beyond it count as new ones.
const maxComparisons = 100_000

// recalled are the violations that an object had before an update.
type recalled struct {
	parts       map[string][]sets.Set[string] // by identity
	comparisons int
}

func recall(violations []Violation) *recalled {
	r := &recalled{parts: make(map[string][]sets.Set[string], len(violations))}
	for _, v := range violations {
		id := v.identity()
		if known, ok := r.parts[id]; !ok || len(v.Parts) > 0 {
			r.parts[id] = append(known, sets.New(v.Parts...))
		}
	}
	return r
}

// has says whether there was such a violation, with these parts or more.
func (r *recalled) has(v Violation) bool {
	for _, parts := range r.parts[v.identity()] {
		if r.comparisons++; r.comparisons > maxComparisons {
			return false
		}
		if parts.HasAll(v.Parts...) {
			return true
		}
	}
	return false
}
