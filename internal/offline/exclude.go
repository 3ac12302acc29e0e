// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Exclusion is a pattern of paths that are not read: of names, if it has no slash, and of whole paths if it has one.
// Within an element of a path, it is as in [path.Match]; the element ** stands for any number of elements, and none.
type Exclusion struct {
	elements []string
	named    bool // it is of names
}

// ParseExclusion reads a pattern. The error says that no path could match it.
func ParseExclusion(text string) (Exclusion, error) {
	pattern := path.Clean(filepath.ToSlash(text))
	if text == "" || pattern == "." {
		return Exclusion{}, fmt.Errorf("%q is no pattern: write a name such as testdata, or a path such as deploy/*/tests",
			text)
	}
	e := Exclusion{elements: strings.Split(pattern, "/"), named: !strings.Contains(pattern, "/")}
	for _, element := range e.elements {
		if _, err := path.Match(element, ""); err != nil {
			return Exclusion{}, fmt.Errorf("%q is no pattern: %q has a bracket or a backslash without its end", text, element)
		}
	}
	return e, nil
}

// has says whether the pattern is of a path, as it is shown in reports, and not only of a directory above it.
func (e Exclusion) has(shown string) bool {
	elements := strings.Split(filepath.ToSlash(filepath.Clean(shown)), "/")
	if e.named {
		elements = elements[len(elements)-1:]
	}
	return matchElements(e.elements, elements)
}

func matchElements(pattern, elements []string) bool {
	switch {
	case len(pattern) == 0:
		return len(elements) == 0
	case pattern[0] == "**":
		return matchElements(pattern[1:], elements) || len(elements) > 0 && matchElements(pattern, elements[1:])
	case len(elements) == 0:
		return false
	}
	matched, err := path.Match(pattern[0], elements[0])
	return err == nil && matched && matchElements(pattern[1:], elements[1:])
}

func (m *manifests) isExcluded(shown string) bool {
	return slices.ContainsFunc(m.exclude, func(e Exclusion) bool { return e.has(shown) })
}

// isRootExcluded asks about a path that was named, and about the directories above it. Those of an absolute path do not
// count: where a repository was checked out says nothing about what is in it.
func (m *manifests) isRootExcluded(root string) bool {
	for {
		if m.isExcluded(root) {
			return true
		}
		above := filepath.Dir(root)
		if filepath.IsAbs(root) || above == root {
			return false
		}
		root = above
	}
}
