// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

// gap has the places of items without a partner between two pairs that have kept their order: in the earlier list, and
// in the later one.
type gap struct{ old, added []int }

// gaps are those of two lists; see pair.
func gaps(origin []int, before int) []gap {
	taken := make([]bool, before)
	for _, i := range origin {
		if i >= 0 {
			taken[i] = true
		}
	}
	var all []gap
	beginFrom, beginTo := 0, 0
	for _, anchor := range append(increasing(origin), len(origin)) {
		endFrom := before
		if anchor < len(origin) {
			endFrom = origin[anchor]
		}
		var g gap
		for i := beginFrom; i < endFrom; i++ {
			if !taken[i] {
				g.old = append(g.old, i)
			}
		}
		for i := beginTo; i < anchor; i++ {
			if origin[i] < 0 {
				g.added = append(g.added, i)
			}
		}
		all = append(all, g)
		beginFrom, beginTo = endFrom+1, anchor+1
	}
	return all
}

// settle pairs the items of a gap in order, unless one is more like what was next to it than what was at its place. If
// they are more or fewer than before, something was put in or taken out: behind them, if each is more like its partner
// from the front than that from the back, or before them, if it is the other way round for each. Otherwise it pairs
// none.
func (g gap) settle(from, to []any, origin []int) {
	if len(g.old) == len(g.added) {
		if !g.hasShifted(from, to) {
			g.join(from, to, origin)
		}
		return
	}
	n := min(len(g.old), len(g.added))
	front := gap{g.old[:n], g.added[:n]}
	back := gap{g.old[len(g.old)-n:], g.added[len(g.added)-n:]}
	inFront, inBack := 0, 0
	for i := range n {
		switch f, b := front.likeness(i, from, to), back.likeness(i, from, to); {
		case f > b:
			inFront++
		case f < b:
			inBack++
		}
	}
	switch n {
	case inFront:
		front.join(from, to, origin)
	case inBack:
		back.join(from, to, origin)
	}
}

func (g gap) hasShifted(from, to []any) bool {
	for i := range len(g.old) - 1 {
		up, down := likeness(from[g.old[i+1]], to[g.added[i]]), likeness(from[g.old[i]], to[g.added[i+1]])
		if up > g.likeness(i, from, to) || down > g.likeness(i+1, from, to) {
			return true
		}
	}
	return false
}

func (g gap) likeness(i int, from, to []any) int { return likeness(from[g.old[i]], to[g.added[i]]) }

func (g gap) join(from, to []any, origin []int) {
	for i := range g.old {
		if g.likeness(i, from, to) >= 0 {
			origin[g.added[i]] = g.old[i]
		}
	}
}

// likeness is how many members two items have in common, or negative if they are not the same one: both have names, and
// not the name alone is another one.
func likeness(a, b any) int {
	was, is := membersOf(a), membersOf(b)
	n := 0
	for name, value := range was {
		if other, ok := is[name]; ok && equal(value, other) {
			n++
		}
	}
	if x, y := nameOf(a), nameOf(b); x != y && x != "" && y != "" && n+1 < max(len(was), len(is)) {
		return -1
	}
	return n
}

// membersOf are the members of an object that say something: an encoder may write empty ones of its own accord.
func membersOf(item any) map[string]any {
	fields, _ := open(item).(map[string]any)
	members := make(map[string]any, len(fields))
	for name, part := range fields {
		switch value := open(part).(type) {
		case map[string]any:
			if len(value) == 0 {
				continue
			}
		case []any:
			if len(value) == 0 {
				continue
			}
		case nil:
			continue
		}
		members[name] = part
	}
	return members
}
