// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"runtime/debug"
	"sync"
)

// Limit bounds what several stores keep, in bytes. No namespace gets more than half of it, of all types together, so
// that one namespace alone cannot use it up. It is safe for concurrent use. Make one with [NewLimit].
type Limit struct {
	most, share int64

	mu   sync.Mutex
	used int64
	of   map[string]int64 // by namespace
}

// shortage is why there is no room.
type shortage int

const (
	enough  shortage = iota
	noShare          // the namespace has used up its share
	noRoom           // there is nothing left for anybody
)

// NewLimit makes a limit of so many bytes; 0 stands for an eighth of GOMEMLIMIT, or of 1 GiB if that is not set.
func NewLimit(bytes int64) *Limit {
	if bytes <= 0 {
		bytes = debug.SetMemoryLimit(-1)
		if bytes == math.MaxInt64 {
			bytes = 1 << 30
		}
		bytes /= 8
	}
	return &Limit{most: bytes, share: bytes / 2, of: map[string]int64{}}
}

// Bytes returns how many bytes may be kept in all.
func (l *Limit) Bytes() int64 { return l.most }

// take sets bytes aside for an object of a namespace, if there are any. Objects in no namespace have no other bound
// than the whole.
func (l *Limit) take(namespace string, bytes int64) shortage {
	if l == nil {
		return enough
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := l.lacks(namespace, bytes)
	if missing == enough {
		l.used += bytes
		l.of[namespace] += bytes
	}
	return missing
}

func (l *Limit) lacks(namespace string, bytes int64) shortage {
	switch {
	case namespace != "" && l.of[namespace]+bytes > l.share:
		return noShare
	case l.used+bytes > l.most:
		return noRoom
	}
	return enough
}

// give gives back what take has set aside.
func (l *Limit) give(namespace string, bytes int64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used -= bytes
	l.of[namespace] -= bytes
	if l.of[namespace] == 0 {
		delete(l.of, namespace)
	}
}

// fits says whether bytes could be set aside.
func (l *Limit) fits(namespace string, bytes int64) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lacks(namespace, bytes) == enough
}
