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
	return some && (l.hasTwins() || l.mayBeInPlace() || l.mayBeAnother() || l.hasLost() || l.mayBeRenamed())
}

// list is a list of a document before and after a change. Of each earlier item, hasMore says whether the document has
// something of it that the value does not.
type list struct {
	document, before, after []any
	origin                  []int
	hasMore                 []bool
}

// hasTwins says whether some of several items have gone that were equal for the value, but not in the document, and not
// all.
func (l list) hasTwins() bool {
	kept := make([]bool, len(l.before))
	for _, i := range l.origin {
		if i >= 0 {
			kept[i] = true
		}
	}
	type twins struct {
		first              int
		differ, gone, kept bool
	}
	known := map[string]*twins{}
	for i, item := range l.before {
		text := textOf(item)
		if known[text] == nil {
			known[text] = &twins{first: i}
		}
		t := known[text]
		t.gone, t.kept = t.gone || !kept[i], t.kept || kept[i]
		t.differ = t.differ || (l.hasMore[t.first] || l.hasMore[i]) && !equal(l.document[t.first], l.document[i])
		if t.gone && t.kept && t.differ {
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

// mayBeAnother says whether an item that is taken for the one at its place has none of its values any more, of two or
// more: it may as well be a new one, which must not get what only the document has of the other.
func (l list) mayBeAnother() bool {
	for i, j := range l.origin {
		if j < 0 || !l.hasMore[j] || equal(l.before[j], l.after[i]) {
			continue
		}
		was, is := l.before[j], l.after[i]
		if min(len(membersOf(was)), len(membersOf(is))) > 1 && !sharesValue(was, is) {
			return true
		}
	}
	return false
}

// mayBeRenamed says whether an item with a name that has no partner may be one at another place which has all of it but
// the name.
func (l list) mayBeRenamed() bool {
	added, gaps := map[string]bool{}, gaps(l.origin, len(l.before))
	for _, g := range gaps {
		for _, i := range g.added {
			added[textButName(l.after[i])] = true
		}
	}
	delete(added, "")
	for _, g := range gaps {
		for _, i := range g.old {
			if l.hasMore[i] && added[textButName(l.before[i])] {
				return true
			}
		}
	}
	return false
}

// textButName is as textOf, of the members of an item that has a name and more.
func textButName(item any) string {
	members := membersOf(item)
	if nameOf(item) == "" || len(members) < 2 {
		return ""
	}
	delete(members, "name")
	return textOf(members)
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

// sharesValue says whether two values have one at the same place, however deep.
func sharesValue(a, b any) bool {
	switch was := open(a).(type) {
	case map[string]any:
		is, isObject := open(b).(map[string]any)
		for name, part := range was {
			if other, ok := is[name]; ok && sharesValue(part, other) {
				return true
			}
		}
		return isObject && len(was)+len(is) == 0
	case []any:
		is, isList := open(b).([]any)
		for i := range min(len(was), len(is)) {
			if sharesValue(was[i], is[i]) {
				return true
			}
		}
		return isList && len(was)+len(is) == 0
	case nil:
		return false
	}
	return equal(a, b)
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
