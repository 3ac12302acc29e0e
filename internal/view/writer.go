// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Writer is who may change a store. There is one at a time: a later one takes over, and calls of the earlier then do
// nothing. So a watch that has been given up on cannot undo what a newer list has brought.
type Writer struct {
	store *Store
	turn  uint64
}

// Writer takes over the store. All says that all objects that there are will be set, up to [Writer.Complete].
func (s *Store) Writer(all bool) *Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	if all {
		s.list++
		for _, g := range s.gaps {
			g.listed = 0
		}
	}
	return &Writer{store: s, turn: s.turn}
}

// Set keeps what the view keeps of an object, in place of what was kept of the one of its name. It does not keep the
// object itself, unless the view does.
func (w *Writer) Set(obj client.Object) {
	w.write(id{namespace: obj.GetNamespace(), name: obj.GetName()}, obj)
}

// add is Set, but for an object beside others of its name.
func (w *Writer) add(obj client.Object) {
	name := id{namespace: obj.GetNamespace(), name: obj.GetName()}
	w.store.mu.RLock()
	if w.store.entries[name] != nil {
		name.copy = len(w.store.entries)
	}
	w.store.mu.RUnlock()
	w.write(name, obj)
}

func (w *Writer) write(name id, obj client.Object) {
	e := w.store.newEntry(name, obj) // without the lock: it may take long
	w.locked(func(s *Store) {
		if e == nil {
			s.remove(name)
			return
		}
		s.set(e)
	})
}

// Delete forgets an object.
func (w *Writer) Delete(obj client.Object) {
	w.locked(func(s *Store) { s.remove(id{namespace: obj.GetNamespace(), name: obj.GetName()}) })
}

// Complete forgets all objects that were not set since this writer took over.
func (w *Writer) Complete() {
	w.locked(func(s *Store) {
		for name, e := range s.entries {
			if e.list != s.list {
				s.remove(name)
			}
		}
		for name, list := range s.missing {
			if list != s.list {
				s.found(name)
			}
		}
		for namespace, g := range s.gaps {
			g.unnamed = g.listed
			s.close(namespace, g)
		}
	})
}

func (w *Writer) locked(change func(*Store)) {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn == w.turn {
		change(s)
	}
}
