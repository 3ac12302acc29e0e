// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	stdcmp "cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// unknown is a field that no type knows.
const unknown = "handlertest-unknown"

// keepsUnknown adds a field to each object within the object that the type has a struct for, each with another value,
// and looks for them in what the mutation makes of that.
func (s subject) keepsUnknown(object []byte, made mutated) {
	s.t.Helper()
	var before, after []part
	walk(made.as, "", s.parse(object), func(p part) { before = append(before, p) })
	walk(made.as, "", s.parse(made.object), func(p part) { after = append(after, p) })
	document, n := s.parse(object), 0
	walk(made.as, "", document, func(p part) {
		p.object[unknown] = strconv.Itoa(n)
		n++
	})
	marked, err := json.Marshal(document)
	if err != nil {
		s.t.Fatal(err)
	}
	with := s.mutate(marked, nil)
	if with.failed {
		return
	}
	left := s.parse(with.object)
	found := unmark(left)
	if diff := cmp.Diff(s.parse(made.object), left); diff != "" {
		s.t.Errorf("with fields that are not known, the mutation makes something else (-without +with):\n%s\nof\n%s", diff,
			s.manifest)
	}
	for i, p := range before {
		if wrong := misplaced(i, before, after, found); wrong != "" {
			s.t.Errorf("fields that are not known of an object at %s are %s, of\n%s", stdcmp.Or(p.place, "the root"), wrong,
				s.manifest)
		}
	}
}

// misplaced says what was done with a field that is not known, empty if nothing is wrong. Found are the objects that
// have the field of each object then.
func misplaced(i int, before, after []part, found map[string][]map[string]any) string {
	is := found[strconv.Itoa(i)]
	switch {
	case len(is) > 1:
		return "copied to another object"
	case len(is) == 0 && !fewer(before[i].place, before, after):
		return "lost, while no object there is removed"
	case len(is) == 0 || cmp.Equal(is[0], before[i].object):
		return ""
	}
	// What has become exactly what another object was, which is no longer so itself, is that object.
	for j, other := range before {
		if other.place == before[i].place && cmp.Equal(is[0], other.object) {
			return swapped(found[strconv.Itoa(j)], other)
		}
	}
	return ""
}

func swapped(is []map[string]any, was part) string {
	if slices.ContainsFunc(is, func(object map[string]any) bool { return cmp.Equal(object, was.object) }) {
		return ""
	}
	return "given to another object"
}

// fewer says whether there are fewer objects at a place than before, or at one above it.
func fewer(place string, before, after []part) bool {
	counts := map[string]int{}
	for _, p := range before {
		counts[p.place]++
	}
	for _, p := range after {
		counts[p.place]--
	}
	for above, n := range counts {
		isAbove := place == above || strings.HasPrefix(place, above+".") || strings.HasPrefix(place, above+"[")
		if n > 0 && isAbove {
			return true
		}
	}
	return false
}

// unmark removes the fields that are not known, and returns the objects in which they were, by their values.
func unmark(document any) map[string][]map[string]any {
	found := map[string][]map[string]any{}
	walk(nil, "", document, func(p part) {
		if value, ok := p.object[unknown].(string); ok {
			found[value] = append(found[value], p.object)
			delete(p.object, unknown)
		}
	})
	return found
}
