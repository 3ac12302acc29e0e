// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateGlobs returns the patterns that no name matches, as far as problemsOf tells names from other texts.
func validateGlobs(path *field.Path, patterns []string, problemsOf func(string) []string) field.ErrorList {
	var errs field.ErrorList
	for i, pattern := range patterns {
		problems := problemsOf(strings.ReplaceAll(pattern, "*", "x"))
		switch {
		case pattern == "":
			errs = append(errs, field.Required(path.Index(i), "write a name, in which a * stands for any characters"))
		case len(problems) > 0:
			errs = append(errs, field.Invalid(path.Index(i), pattern, "no name is like this: "+problems[0]))
		}
	}
	return errs
}

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
