// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
)

// gap is about objects of one namespace that are not kept for want of memory.
type gap struct {
	named   int // those in Store.missing
	unnamed int // what else was not kept
	listed  int // the unnamed ones since the latest list began
	least   int64
	why     shortage
}

// lack notes that an entry is not kept. The caller holds the lock.
func (s *Store) lack(e *entry, why shortage) {
	g := s.gaps[e.namespace]
	if g == nil {
		g = &gap{least: math.MaxInt64}
		s.gaps[e.namespace] = g
	}
	g.least, g.why = min(g.least, e.bytes), max(g.why, why)
	if len(s.missing) < mostMissing {
		s.missing[e.id] = e.list
		g.named++
		return
	}
	g.unnamed++
	g.listed++
}

// found forgets that an object was not kept. The caller holds the lock.
func (s *Store) found(name id) {
	if _, ok := s.missing[name]; !ok {
		return
	}
	delete(s.missing, name)
	g := s.gaps[name.namespace]
	g.named--
	s.close(name.namespace, g)
}

func (s *Store) close(namespace string, g *gap) {
	if g.named+g.unnamed == 0 {
		delete(s.gaps, namespace)
	}
}

// incomplete returns an error if an object that a query asks for may not be kept. A namespace that has used up its
// share makes questions about and from itself fail, and no others: what it loses is that others are compared with it.
func (s *Store) incomplete(q Query) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.incompleteLocked(q)
}

func (s *Store) incompleteLocked(q Query) error {
	for namespace, g := range s.gaps {
		if q.In == namespace || q.In == "" && (g.why == noRoom || q.Outside == "" || q.Outside == namespace) {
			return s.errorOf(namespace, g)
		}
	}
	return nil
}

func (s *Store) errorOf(namespace string, g *gap) error {
	const mib = 1 << 20
	n, kind := g.named+g.unnamed, s.kind()
	if g.why == noShare {
		return fmt.Errorf("%d %s objects of namespace %q are not looked at: what is kept of the objects in one namespace "+
			"may take %.1f MiB; delete some or make them smaller, or raise the memory limit (GOMEMLIMIT)",
			n, kind, namespace, float64(s.limit.share)/mib)
	}
	return fmt.Errorf("%d %s objects of namespace %q, and maybe others, are not looked at: what is kept of the cluster's "+
		"objects may take %.1f MiB in all; delete some or make them smaller, or raise the memory limit (GOMEMLIMIT)",
		n, kind, namespace, float64(s.limit.most)/mib)
}

// kind is what the objects are called.
func (s *Store) kind() string {
	obj := TypeOf(s.view)
	return cmp.Or(obj.GetObjectKind().GroupVersionKind().Kind, reflect.TypeOf(obj).Elem().Name())
}

// Usage is what a store keeps.
type Usage struct {
	// Objects and Bytes are what is kept.
	Objects int
	Bytes   int64
	// Missing is how many objects are not kept for want of memory, at least.
	Missing int
	// Err says so, and what to do; nil if none is missing.
	Err error
	// Room says that there is room again for one of them, so that all should be listed.
	Room bool
}

// Usage returns what the store keeps now.
func (s *Store) Usage() Usage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := Usage{Objects: len(s.entries), Bytes: s.bytes}
	for _, namespace := range slices.Sorted(maps.Keys(s.gaps)) {
		g := s.gaps[namespace]
		u.Missing += g.named + g.unnamed
		u.Room = u.Room || s.limit.fits(namespace, g.least)
		if u.Err == nil || g.why == noRoom {
			u.Err = s.errorOf(namespace, g)
		}
	}
	return u
}

// Clear forgets everything, and gives back what it took. No writer may write after that.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	for name := range s.entries {
		s.remove(name)
	}
	clear(s.missing)
	clear(s.gaps)
}
