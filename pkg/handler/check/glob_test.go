// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestMatchesGlob(t *testing.T) {
	for pattern, texts := range map[string]map[string]bool{
		"a":     {"a": true, "ab": false, "": false},
		"*":     {"": true, "anything": true},
		"a*":    {"a": true, "ab": true, "ba": false},
		"*a":    {"a": true, "ba": true, "ab": false, "aba": true},
		"*a*":   {"xay": true, "x": false, "a": true},
		"a*a":   {"a": false, "aa": true, "aba": true, "abab": false},
		"a*b*c": {"abc": true, "axbxc": true, "acb": false, "abcbc": true, "abxc": true, "bac": false},
		"**":    {"": true, "a": true},
		"":      {"": true, "a": false},
	} {
		for text, want := range texts {
			if got := matchesGlob(pattern, text); got != want {
				t.Errorf("%q matches %q: %t", pattern, text, got)
			}
		}
	}
}
