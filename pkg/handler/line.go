// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import "slices"

// caller is whom a review is for, as far as it counts for sharing: the user, and the namespace of the object.
type caller struct{ user, namespace string }

// waiter is one review that waits.
type waiter struct {
	caller
	ready   chan struct{} // closed when it has its turn, or lost its place
	hasTurn bool          // when ready is closed
}

func (w *waiter) end(hasTurn bool) {
	w.hasTurn = hasTurn
	close(w.ready)
}

// line is reviews that wait: those of each user, and in these those of each namespace, in a line of its own. The lines
// below take turns.
type line struct {
	key   string
	count int
	below []*line   // the next to be served first
	own   []*waiter // of a namespace, the longest waiting first
}

// add puts a review last in the line that the keys lead to.
func (l *line) add(w *waiter, keys ...string) {
	l.count++
	if len(keys) == 0 {
		l.own = append(l.own, w)
		return
	}
	i := l.find(keys[0])
	if i < 0 {
		i = len(l.below)
		l.below = append(l.below, &line{key: keys[0]})
	}
	l.below[i].add(w, keys[1:]...)
}

func (l *line) find(key string) int {
	return slices.IndexFunc(l.below, func(b *line) bool { return b.key == key })
}

// next takes out the review whose turn it is. There has to be one.
func (l *line) next() *waiter {
	l.count--
	if len(l.own) > 0 {
		w := l.own[0]
		l.own = l.own[1:]
		return w
	}
	first := l.below[0]
	w := first.next()
	l.below = l.below[1:]
	if first.count > 0 {
		l.below = append(l.below, first)
	}
	return w
}

// remove takes out a review, which is in the line that the keys lead to.
func (l *line) remove(w *waiter, keys ...string) {
	l.count--
	if len(keys) == 0 {
		l.own = slices.DeleteFunc(l.own, func(one *waiter) bool { return one == w })
		return
	}
	i := l.find(keys[0])
	l.below[i].remove(w, keys[1:]...)
	if l.below[i].count == 0 {
		l.below = slices.Delete(l.below, i, i+1)
	}
}

// newestOfMost returns the last review of the longest of the lines, and of that which the keys lead to if it is one of
// the longest.
func (l *line) newestOfMost(keys ...string) *waiter {
	if len(l.below) == 0 {
		return l.own[len(l.own)-1]
	}
	var key string
	if len(keys) > 0 {
		key, keys = keys[0], keys[1:]
	}
	longest := l.below[0]
	for _, b := range l.below[1:] {
		if b.count > longest.count || b.count == longest.count && b.key == key {
			longest = b
		}
	}
	return longest.newestOfMost(keys...)
}
