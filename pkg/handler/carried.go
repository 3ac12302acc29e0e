// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import "k8s.io/apimachinery/pkg/util/sets"

const (
	// maxComparisons bounds what an update costs whose violations all have the same identity, before and after: comparing
	// each with each is for a few. Those beyond it count as new ones.
	maxComparisons = 100_000
	// maxParts bounds how many parts all violations may have together that are compared, as they may share long ones.
	maxParts = 1_000_000
)

// recalled are the violations that an object had before an update.
type recalled struct {
	parts       map[string][]sets.Set[string] // by identity
	comparisons int
	compared    int // parts
}

func recall(violations []Violation) *recalled {
	r := &recalled{parts: make(map[string][]sets.Set[string], len(violations))}
	for _, v := range violations {
		id := v.identity()
		known, ok := r.parts[id]
		if ok && len(v.Parts) == 0 {
			continue
		}
		if r.compared += len(v.Parts); r.compared > maxParts {
			break
		}
		r.parts[id] = append(known, sets.New(v.Parts...))
	}
	return r
}

// has says whether there was such a violation, with these parts or more.
func (r *recalled) has(v Violation) bool {
	for _, parts := range r.parts[v.identity()] {
		r.comparisons++
		r.compared += min(len(v.Parts), len(parts))
		if r.comparisons > maxComparisons || r.compared > 2*maxParts {
			return false
		}
		if parts.HasAll(v.Parts...) {
			return true
		}
	}
	return false
}
