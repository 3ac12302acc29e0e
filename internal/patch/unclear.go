// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"
	"slices"
)

// UnclearError says that the items of a list cannot be told apart after a change, and that the document has members of
// them that would get lost or come to another item.
type UnclearError struct {
	// Field is the list, in the words of Kubernetes, such as spec.rules.
	Field string
}

func (e *UnclearError) Error() string {
	return fmt.Sprintf("cannot tell which item of %s is which after the change: items have fields that the Go type does "+
		"not know, and those that it knows are not enough; add a field to the type by which the items differ", e.Field)
}

// isUnclear says whether origin, which is of pair, may be wrong, so that what only the document has of the items would
// be at the wrong place. Nothing is unclear if the document has nothing of its own there.
func isUnclear(document, before, after []any, origin []int) bool {
	hasMore := make([]bool, len(before))
	some := false
	for i := range before {
		hasMore[i] = knowsMore(document[i], before[i])
		some = some || hasMore[i]
	}
	l := list{document, before, after, origin, hasMore}
	return some && (l.hasTwins() || l.mayBeInPlace() || l.hasLost())
}

// list is a list of a document before and after a change. Of each earlier item, hasMore says whether the document has
// something of it that the value does not.
type list struct {
	document, before, after []any
	origin                  []int
	hasMore                 []bool
}

// hasTwins says whether one of several items has gone that were equal for the value, but not in the document.
func (l list) hasTwins() bool {
	kept := make([]bool, len(l.before))
	for _, i := range l.origin {
		if i >= 0 {
			kept[i] = true
		}
	}
	type twins struct {
		first        int
		differ, gone bool
	}
	known := map[string]*twins{}
	for i, item := range l.before {
		text := textOf(item)
		if known[text] == nil {
			known[text] = &twins{first: i}
		}
		t := known[text]
		t.gone = t.gone || !kept[i]
		t.differ = t.differ || (l.hasMore[t.first] || l.hasMore[i]) && !equal(l.document[t.first], l.document[i])
		if t.gone && t.differ {
			return true
		}
	}
	return false
}

// mayBeInPlace says whether an item that seems to have moved may as well be the one that was at its place, of which one
// member has got the value that it had in the other.
func (l list) mayBeInPlace() bool {
	if len(l.before) != len(l.after) {
		return false
	}
	for i, j := range l.origin {
		if j < 0 || i == j || !l.hasMore[i] && !l.hasMore[j] || !equal(l.before[j], l.after[i]) {
			continue
		}
		sameName := nameOf(l.before[i]) == nameOf(l.after[i])
		most := max(len(membersOf(l.before[i])), len(membersOf(l.after[i])))
		if sameName && likeness(l.before[i], l.after[i])+1 >= most {
			return true
		}
	}
	return false
}

// hasLost says whether an item that has no partner may be one that is taken for a new one: if they have something in
// common, or too few members for that. One with a name is looked for only where it was.
func (l list) hasLost() bool {
	all := gap{}
	gaps := gaps(l.origin, len(l.before))
	for _, g := range gaps {
		for _, i := range g.old {
			if nameOf(l.before[i]) == "" {
				all.old = append(all.old, i)
			}
		}
		for _, i := range g.added {
			if nameOf(l.after[i]) == "" {
				all.added = append(all.added, i)
			}
		}
	}
	return slices.ContainsFunc(append(gaps, all), l.mayBeAmong)
}

func (l list) mayBeAmong(g gap) bool {
	added, few := map[string]bool{}, false
	for _, i := range g.added {
		few = few || len(membersOf(l.after[i])) < 2
		for _, member := range texts(l.after[i]) {
			added[member] = true
		}
	}
	for _, i := range g.old {
		if !l.hasMore[i] || len(g.added) == 0 {
			continue
		}
		if few || len(membersOf(l.before[i])) < 2 {
			return true
		}
		for _, member := range texts(l.before[i]) {
			if added[member] {
				return true
			}
		}
	}
	return false
}

// texts are the members of an object, each with its value.
func texts(item any) []string {
	var all []string
	for name, value := range membersOf(item) {
		all = append(all, name+"\x00"+textOf(value))
	}
	return all
}

// knowsMore says whether a document has members of objects that a value which was decoded from it has not.
func knowsMore(document, value any) bool {
	switch has := open(document).(type) {
	case map[string]any:
		known, _ := open(value).(map[string]any)
		for name, part := range has {
			field, ok := known[name]
			if !ok && open(part) != nil || ok && knowsMore(part, field) {
				return true
			}
		}
	case []any:
		known, _ := open(value).([]any)
		for i := range min(len(has), len(known)) {
			if knowsMore(has[i], known[i]) {
				return true
			}
		}
	}
	return false
}
