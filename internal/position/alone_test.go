// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package position

import "testing"

func TestAlone(t *testing.T) {
	for data, want := range map[string]bool{
		"":                        true,
		"# nothing\n":             true,
		"a: 1\n":                  true,
		"---\na: 1\n...\n# end\n": true,
		`{"a":1}`:                 true,
		"a: |\n  ...\n":           true,
		"a: 1\n...\nb: 2\n":       false,
		"a: 1\n...\n---\nb: 2\n":  false,
		"a: 1\r---\rb: 2\r":       false,
		"# c\n{a: 1}\n{b: 2}\n":   false,
		"a: [\n":                  false,
	} {
		if err := Alone([]byte(data)); (err == nil) != want {
			t.Errorf("%q: got %v", data, err)
		}
	}
}
