// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"maps"
	"reflect"
	"slices"
)

// Merge returns a document with the change that a value has seen which was decoded from it. Before and after are that
// value in JSON, before the change and after it. What is the same in both stays as the document has it, and so does
// what is in neither: fields that the value's type does not know. They go with the object that they are in, if that
// goes. The type of the value tells that from a struct which is left out since it is empty (omitzero); nil is for one
// that is not known, of which an object goes that is left out.
//
// An item of a list is known by its place, by being the same, or by its name; see pair. Where that leaves it open which
// item is which, and the document has something of them that the value has not, the error is an [UnclearError]. The
// documents are not changed. The one that is returned shares parts with them.
func Merge(document, before, after any, of reflect.Type) (any, error) {
	m := merger{of: of}
	return m.value(nil, document, before, after), m.err
}

// merger keeps the first error.
type merger struct {
	of      reflect.Type
	isEmpty bool // what it is at is in a struct that is left out
	err     error
}

func (m *merger) value(at *path, document, before, after any) any {
	if equal(before, after) {
		return document
	}
	document, before = open(document), open(before)
	switch after := open(after).(type) {
	case map[string]any:
		known, isObject := before.(map[string]any)
		has, hasObject := document.(map[string]any)
		// An encoder leaves out what is empty. It may still have fields that are not known.
		if (isObject || before == nil) && (hasObject || document == nil) {
			return m.object(at, has, known, after)
		}
	case []any:
		known, _ := before.([]any) // Of anything else there are no items, and then the document must have none either.
		has, hasList := document.([]any)
		if (hasList || document == nil) && len(known) == len(has) {
			return m.list(at, has, known, after)
		}
	}
	return after
}

func (m *merger) object(at *path, has, before, after map[string]any) map[string]any {
	merged := make(map[string]any, len(has)+1)
	maps.Copy(merged, has)
	for name := range before {
		if _, ok := after[name]; ok {
			continue
		}
		if rest := m.emptied(&path{above: at, name: name}, has[name], before[name]); len(rest) > 0 {
			merged[name] = rest
		} else {
			delete(merged, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) { // in order, so that the error is the same each time
		was, known := before[name]
		if !known || !equal(was, after[name]) {
			merged[name] = m.value(&path{above: at, name: name}, has[name], was, after[name])
		}
	}
	return merged
}

// emptied is what is left of an object that is left out after the change: what the value does not know, if it is empty
// for the value and not gone.
func (m *merger) emptied(at *path, document, before any) map[string]any {
	known, _ := open(before).(map[string]any)
	has, _ := open(document).(map[string]any)
	is, omitted := isStruct(at, m.of)
	if known == nil || has == nil || !is || !omitted && !m.isEmpty {
		return nil
	}
	within := merger{of: m.of, isEmpty: true}
	return within.object(at, has, known, nil)
}

func (m *merger) list(at *path, has, before, after []any) []any {
	merged := make([]any, len(after))
	origin := pair(before, after)
	if m.err == nil && isUnclear(has, before, after, origin) {
		m.err = &UnclearError{Field: at.field()}
	}
	for i, origin := range origin {
		if origin < 0 {
			merged[i] = after[i]
		} else {
			merged[i] = m.value(&path{above: at, index: i, isItem: true}, has[origin], before[origin], after[i])
		}
	}
	return merged
}
