// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import "testing"

func TestOlder(t *testing.T) {
	for _, tt := range []struct {
		version, than string
		want          bool
	}{
		{"9", "10", true},
		{"10", "9", false},
		{"10", "10", false},
		{"18446744073709551616", "18446744073709551617", true}, // Longer than 64 bits.
		{"", "10", false},
		{"10", "", false},
		{"a", "b", false},
	} {
		if got := older(tt.version, tt.than); got != tt.want {
			t.Errorf("%q is older than %q: %t, want %t", tt.version, tt.than, got, tt.want)
		}
	}
}
