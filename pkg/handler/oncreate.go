// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
)

// OnCreate makes a mutation that is asked about creates alone, of what the given one is asked about. It is for fields
// that an API server lets no update change, such as most of a Pod and the template of a Job: without it, no update
// would be admitted any more of an object that was created before the mutation was there. It may be used as the given
// one may be.
func OnCreate(m Mutation) Mutation { return onCreate{m} }

type onCreate struct{ Mutation }

// Selects implements [Selector].
func (m onCreate) Selects(req *Request) bool {
	return req.Operation == admissionv1.Create && selectorOf(m.Mutation, selectsWhole)(req)
}

// LooksAt implements [Looker].
func (m onCreate) LooksAt() []Look {
	looker, ok := m.Mutation.(Looker)
	if !ok {
		return nil
	}
	var looks []Look
	for _, look := range looker.LooksAt() {
		if len(look.Operations) == 0 || slices.Contains(look.Operations, admissionv1.Create) {
			look.Operations = []admissionv1.Operation{admissionv1.Create}
			looks = append(looks, look)
		}
	}
	return looks
}
