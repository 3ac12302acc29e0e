// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
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

func TestBuildWantsTheDefinitionsName(t *testing.T) {
	for title, tt := range map[string]struct {
		check Check
		want  string
	}{
		"the same":      {says("x"), ""},
		"another":       {says("y"), `check "x": its definition has built one that is called "y": give both one name`},
		"other letters": {says("X"), `is called "X"`},
		"nothing":       {nil, `check "x": its definition has built nothing: return a check or an error`},
	} {
		t.Run(title, func(t *testing.T) {
			d := Define("x", Doc{}, func() int { return 0 }, func(int, Environment) (Check, error) { return tt.check, nil })
			got, err := d.Build(d.NewParameters(), Environment{})
			if tt.want == "" && (err != nil || got == nil) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// hiding are parameters that no configuration could set.
type hiding struct {
	Mode   string `json:"mode"`
	Error  string `json:"onError,omitempty"`
	Policy string `json:"failurePolicy"`
	Embedded
	Right string `json:"right"`
	// These are no trouble: names in JSON mind the case, and what stands deeper is not beside the common fields.
	Exempt string
	Other  string   `json:"-"`
	Nested Embedded `json:"nested"`
}

// Embedded has a field that counts as one of the structure it is in.
type Embedded struct {
	Exempted []string `json:"exempt"`
}

func TestParametersCannotHideCommonFields(t *testing.T) {
	d := Define("x", Doc{}, func() hiding { return hiding{} }, func(hiding, Environment) (Check, error) { return says("x"), nil })
	errs := d.Validate(field.NewPath("checks", "x"), d.NewParameters())
	var got []string
	for _, err := range errs {
		got = append(got, err.Field)
	}
	if want := "checks.x.mode checks.x.onError checks.x.failurePolicy checks.x.exempt"; strings.Join(got, " ") != want {
		t.Fatalf("got errors of %q, want %q", got, want)
	}
	const want = `every check has a field "mode", so that no parameter can have its name: rename Mode`
	if text := errs[0].Error(); !strings.Contains(text, want) {
		t.Errorf("got %q", text)
	}
}
