// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"testing"
)

func TestRecalled(t *testing.T) {
	with := func(identity string, parts ...string) Violation {
		return Violation{Message: "m", Identity: identity, Parts: parts}
	}
	tests := map[string]struct {
		before []Violation
		after  Violation
		want   bool
	}{
		"the same":              {[]Violation{with("x", "a", "b")}, with("x", "b", "a"), true},
		"fewer parts":           {[]Violation{with("x", "a", "b")}, with("x", "b"), true},
		"none left":             {[]Violation{with("x", "a")}, with("x"), true},
		"one more":              {[]Violation{with("x", "a")}, with("x", "a", "b"), false},
		"another":               {[]Violation{with("x", "a")}, with("x", "b"), false},
		"another's":             {[]Violation{with("x", "a"), with("y", "b")}, with("x", "b"), false},
		"parts of two":          {[]Violation{with("x", "a"), with("x", "b")}, with("x", "a", "b"), false},
		"the second of two":     {[]Violation{with("x", "a"), with("x", "b")}, with("x", "b"), true},
		"after one without":     {[]Violation{with("x"), with("x", "b")}, with("x", "b"), true},
		"nothing before":        {nil, with("x"), false},
		"no identity":           {[]Violation{{Message: "m"}}, Violation{Message: "m"}, true},
		"no identity, new part": {[]Violation{{Message: "m"}}, Violation{Message: "m", Parts: []string{"a"}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := recall(tt.before).has(tt.after); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// Thousands of violations that only their parts tell apart must not cost millions of comparisons, nor pass unlooked at.
func TestRecalledIsBounded(t *testing.T) {
	var before []Violation
	for i := range 2000 {
		before = append(before, Violation{Identity: "x", Parts: []string{fmt.Sprint(i)}})
	}
	r := recall(before)
	for range 2000 {
		r.has(Violation{Identity: "x", Parts: []string{"new"}})
	}
	if r.has(before[0]) {
		t.Error("it is still comparing")
	}
}
