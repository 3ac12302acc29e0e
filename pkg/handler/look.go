// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Look is what a check or mutation looks at: objects of a kind.
type Look struct {
	Kind schema.GroupVersionKind
	// Operations are those on the objects; none stands for creates and updates.
	Operations []admissionv1.Operation
	// SubResources are those that are looked at besides the objects themselves, such as "resize".
	SubResources []string
}

// Looker is implemented by checks and mutations that know what they look at, such as those of [CheckFor] and
// [MutateFor]. The command manifest makes the rules of a webhook configuration of it, and [New] refuses entries that
// can read no version of a kind together.
type Looker interface {
	// LooksAt returns all that it looks at, a kind once for each version that it can read, and nothing if that is objects
	// of every kind.
	LooksAt() []Look
}

// LooksAt implements [Looker].
func (c *typedCheck[T]) LooksAt() []Look {
	looks := c.kinds.looks()
	for i, l := range looks {
		if l.Kind.GroupKind() == (schema.GroupKind{Kind: "Pod"}) { // See selectsUsual.
			looks[i].SubResources = []string{"ephemeralcontainers", "resize"}
		}
	}
	return looks
}

// LooksAt implements [Looker].
func (m *typedMutation[T]) LooksAt() []Look { return m.kinds.looks() }

func (k kinds) looks() []Look {
	var looks []Look
	for _, kind := range k {
		looks = append(looks, Look{Kind: kind})
	}
	return looks
}
