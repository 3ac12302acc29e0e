// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

// repeated is a function that remembers its last answer, for the entries of one object. Most have the same caBundle,
// and to decode, compare and encode that for each would be most of what the object costs. Callers share the answer,
// and must not change it. It is for one goroutine.
func repeated[K ~string | ~[]byte, T any](of func(K) T) func(K) T {
	var asked K
	var answer T
	known := false
	return func(text K) T {
		if !known || string(asked) != string(text) {
			asked, answer, known = text, of(text), true
		}
		return answer
	}
}
