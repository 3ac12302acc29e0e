// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import "maps"

// Merge returns a document with the change that a value has seen which was decoded from it. Before and after are that
// value in JSON, before the change and after it. What is the same in both stays as the document has it, and so does
// what is in neither: fields that the value's type does not know. They go with the object that they are in, if that
// goes.
//
// An item of a list is known by being the same, by its name, or else by its place among those that are; see pair. The
// documents are not changed. The one that is returned shares parts with them.
func Merge(document, before, after any) any {
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
			return mergeObject(has, known, after)
		}
	case []any:
		known, _ := before.([]any) // Of anything else there are no items, and then the document must have none either.
		has, hasList := document.([]any)
		if (hasList || document == nil) && len(known) == len(has) {
			return mergeList(has, known, after)
		}
	}
	return after
}

func mergeObject(has, before, after map[string]any) map[string]any {
	merged := make(map[string]any, len(has)+1)
	maps.Copy(merged, has)
	for name := range before {
		if _, ok := after[name]; !ok {
			delete(merged, name)
		}
	}
	for name, value := range after {
		was, known := before[name]
		if !known || !equal(was, value) {
			merged[name] = Merge(has[name], was, value)
		}
	}
	return merged
}

func mergeList(has, before, after []any) []any {
	merged := make([]any, len(after))
	for i, origin := range pair(before, after) {
		if origin < 0 {
			merged[i] = after[i]
		} else {
			merged[i] = Merge(has[origin], before[origin], after[i])
		}
	}
	return merged
}
