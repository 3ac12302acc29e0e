// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// endsAfter is a context that has ended once it was asked a number of times.
type endsAfter struct {
	context.Context
	times int
}

func (c *endsAfter) Err() error {
	if c.times--; c.times < 0 {
		return context.Canceled
	}
	return nil
}

// Once its answer is given, or is too late, a check that goes through lists of an object ends, and says that it did not
// see all of them.
func TestChecksEndWithTheirContext(t *testing.T) {
	noLists := []string{"replicaLimits", "requiredLabels", "requiredAnnotations", "defaultNamespace", "ingressHosts", "podDisruptionBudgets", "storageClasses", "podConnect", "protectedDeletes"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, d := range Definitions() {
		if slices.Contains(noLists, d.Name) {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			_, err := built(t, d, d.Doc.Parameters).Evaluate(ctx, requestOf(t, admissionv1.Create, d.Doc.Denied))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got the error %v", err)
			}
		})
	}
}

// A list is left in the middle as well.
func TestHeededLeavesOff(t *testing.T) {
	for times, want := range []int{0, 64, 128, 150} {
		n := 0
		for i := range heeded(&endsAfter{t.Context(), times}, make([]int, 150)) {
			if n++; i != n-1 {
				t.Fatalf("item %d after %d", i, n)
			}
		}
		if n != want {
			t.Errorf("asked %d times: %d items, want %d", times, n, want)
		}
	}
}
