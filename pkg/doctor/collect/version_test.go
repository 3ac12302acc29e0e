// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import "testing"

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"major": "1", "minor": "37", "gitVersion": "v1.37.2"}`:                       "1.37",
		`{"major": "1", "minor": "36+", "gitVersion": "v1.36.3-eks-1"}`:                "1.36",
		`{"major": "1", "minor": "37", "emulationMajor": "1", "emulationMinor": "36"}`: "1.36",
		`{"gitVersion": "v0.0.0"}`: "",
		`<html>`:                   "",
	} {
		got, err := parseVersion([]byte(body))
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%s: %v and %v, want %q", body, got, err, want)
		}
	}
}
