// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/json"
	"slices"
	"sort"
)

// pair says of each item of a list which item of an earlier list it was, -1 if none. Equal items are the same one, at
// the same place before others. Then items of one name are, if no other has it. What is left between two that are known
// is paired by its place; see settle. It takes O(n log n), beside encoding the items once. It is a guess; see
// isUnclear.
func pair(from, to []any) []int {
	origin := make([]int, len(to))
	begin := 0
	for begin < min(len(from), len(to)) && equal(from[begin], to[begin]) {
		origin[begin] = begin
		begin++
	}
	end := 0
	for end < min(len(from), len(to))-begin && equal(from[len(from)-1-end], to[len(to)-1-end]) {
		end++
		origin[len(to)-end] = len(from) - end
	}
	if inner := pairInner(from[begin:len(from)-end], to[begin:len(to)-end]); inner != nil {
		for i, found := range inner {
			if found >= 0 {
				found += begin
			}
			origin[begin+i] = found
		}
	}
	return origin
}

func pairInner(from, to []any) []int {
	origin := slices.Repeat([]int{-1}, len(to))
	if len(from) == 0 || len(to) == 0 {
		return origin
	}
	taken := make([]bool, len(from))
	for i := range to {
		if len(from) == len(to) && equal(from[i], to[i]) {
			origin[i], taken[i] = i, true
		}
	}
	pairBy(textOf, false, from, to, origin, taken)
	pairBy(nameOf, true, from, to, origin, taken)
	for _, g := range gaps(origin, len(from)) {
		g.settle(from, to, origin)
	}
	return origin
}

// pairBy pairs items that have the same key and no partner yet: one after the other, or only if a key is there once.
func pairBy(keyOf func(any) string, once bool, from, to []any, origin []int, taken []bool) {
	known, asked := map[string][]int{}, map[string]int{}
	for i, item := range from {
		if key := keyOf(item); key != "" && !taken[i] {
			known[key] = append(known[key], i)
		}
	}
	keys := make([]string, len(to))
	for i, item := range to {
		if origin[i] < 0 {
			keys[i] = keyOf(item)
			asked[keys[i]]++
		}
	}
	for i, key := range keys {
		candidates := known[key]
		if key == "" || len(candidates) == 0 || once && (len(candidates) > 1 || asked[key] > 1) {
			continue
		}
		origin[i], taken[candidates[0]] = candidates[0], true
		known[key] = candidates[1:]
	}
}

// increasing returns the longest run of places whose items are in the order in which they were. Those of -1 are not
// among them.
func increasing(origin []int) []int {
	var ends []int // ends[n] is the place with the least origin that a run of n+1 ends with
	previous := make([]int, len(origin))
	for i, value := range origin {
		if value < 0 {
			continue
		}
		n := sort.Search(len(ends), func(n int) bool { return origin[ends[n]] >= value })
		previous[i] = -1
		if n > 0 {
			previous[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	if len(ends) == 0 {
		return nil
	}
	run := make([]int, 0, len(ends))
	for i := ends[len(ends)-1]; i >= 0; i = previous[i] {
		run = append(run, i)
	}
	slices.Reverse(run)
	return run
}

// textOf is an item in JSON, in which equal items are equal.
func textOf(item any) string {
	text, err := json.Marshal(whole(item))
	if err != nil { // It was parsed from JSON.
		return ""
	}
	return string(text)
}

// nameOf is the name of an item, empty if it has none.
func nameOf(item any) string {
	fields, _ := open(item).(map[string]any)
	name, _ := open(fields["name"]).(string)
	return name
}
