// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "strings"

// matchesGlob says whether a text is the pattern, in which a * stands for any characters, or none. It takes time in
// proportion to the product of the two lengths at most.
func matchesGlob(pattern, text string) bool {
	first, rest, hasStar := strings.Cut(pattern, "*")
	if !hasStar {
		return text == pattern
	}
	text, ok := strings.CutPrefix(text, first)
	for ok {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		// The first place will do: what is left of the text is longest then.
		_, text, ok = strings.Cut(text, part)
		rest = after
	}
	return false
}
