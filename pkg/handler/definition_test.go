// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

type lookingUp struct {
	Look bool `json:"look"`
}

// ReadsCluster implements [Reader].
func (l lookingUp) ReadsCluster() bool { return l.Look }

func TestReadsFor(t *testing.T) {
	build := func(lookingUp, Environment) (Check, error) { return nil, context.Canceled }
	d := Define("x", Doc{}, func() lookingUp { return lookingUp{Look: true} }, build, &corev1.Namespace{})
	parameters := d.NewParameters()
	if got := d.ReadsFor(parameters); len(got) != 1 {
		t.Errorf("by default: reads %v, want Namespaces", got)
	}
	parameters.(*lookingUp).Look = false
	if got := d.ReadsFor(parameters); len(got) != 0 {
		t.Errorf("looking nothing up: reads %v", got)
	}
	plain := Define("x", Doc{}, func() int { return 0 }, func(int, Environment) (Check, error) { return nil, nil },
		&corev1.Namespace{})
	if got := plain.ReadsFor(plain.NewParameters()); len(got) != 1 {
		t.Errorf("parameters that do not say: reads %v, want Namespaces", got)
	}
}

func TestDefaultMode(t *testing.T) {
	d := Define("x", Doc{}, func() int { return 0 }, func(int, Environment) (Check, error) { return nil, nil })
	if changed := d.WithDefaultMode(Warn); changed.DefaultMode != Warn || d.DefaultMode != "" {
		t.Errorf("got %q, and %q in what was copied", changed.DefaultMode, d.DefaultMode)
	}
}
