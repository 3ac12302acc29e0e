// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pattern names images. It is one of
//
//   - a repository, as in nginx or ghcr.io/acme/app: that repository with any tag or digest
//   - a repository with a tag or a digest, as in nginx:1.29: nothing but that
//   - everything below a place, as in ghcr.io/acme/* or ghcr.io/*
//
// Names are compared as they are written out: nginx is docker.io/library/nginx, and acme/* is docker.io/acme/*, which
// docker.io/acme-evil/app is not in. Make one with [ParsePattern].
type Pattern struct {
	Reference
	// below is true for everything whose path begins with Path.
	below bool
}

// below is how a pattern ends that names everything below a place.
const below = "/*"

// ParsePattern reads a pattern. The error says what is wrong with it.
func ParsePattern(text string) (Pattern, error) {
	base, isBelow := strings.CutSuffix(text, below)
	switch {
	case strings.Contains(base, "*"):
		return Pattern{}, fmt.Errorf("image pattern %q has a * where none can be: write a repository, or a place and /* "+
			"behind it, as in ghcr.io/acme/*", text)
	case !isBelow:
		ref, err := Parse(text)
		return Pattern{Reference: ref}, err
	}
	// Two more parts: with one, a registry alone would be taken for a part of a path, or get its "library/".
	const rest = "x/x"
	ref, err := Parse(base + "/" + rest)
	if err != nil {
		return Pattern{}, fmt.Errorf("image pattern %q names no registry and no repository: %w", text, err)
	}
	ref.Path = strings.TrimSuffix(ref.Path, rest)
	return Pattern{Reference: ref, below: true}, nil
}

func (p Pattern) matches(ref Reference) bool {
	switch {
	case ref.Domain != p.Domain:
		return false
	case p.below:
		return strings.HasPrefix(ref.Path, p.Path)
	case ref.Path != p.Path:
		return false
	case p.Digest != "":
		return ref.Digest == p.Digest
	case p.Tag != "":
		// A digest wins over the tag beside it, which may then be any tag.
		return ref.Tag == p.Tag && ref.Digest == ""
	}
	return true
}

// Patterns are several of them.
type Patterns []Pattern

// ParsePatterns reads patterns. The error has everything that is wrong with them.
func ParsePatterns(texts []string) (Patterns, error) {
	patterns := make(Patterns, 0, len(texts))
	var errs []error
	for _, text := range texts {
		p, err := ParsePattern(text)
		errs = append(errs, err)
		patterns = append(patterns, p)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return patterns, nil
}

// Match says whether one of the patterns names the image. What no runtime can read matches nothing, and neither does
// what runtimes take for the ID of an image.
func (p Patterns) Match(image string) bool {
	if isID(image) {
		return false
	}
	ref, problem := parse(image)
	return problem == "" && slices.ContainsFunc(p, func(pattern Pattern) bool { return pattern.matches(ref) })
}
