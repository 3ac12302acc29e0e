// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/google/btree"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Store is what is kept for one view. It is safe for concurrent use. Make one with [NewStore], and fill it through a
// [Writer].
type Store struct {
	view  Any
	limit *Limit // nil: none

	mu      sync.RWMutex
	entries map[id]*entry
	rows    *btree.BTreeG[row]
	bytes   int64
	missing map[id]uint32   // what was not kept for want of memory, with the list that had it last
	gaps    map[string]*gap // by namespace
	turn    uint64          // counts writers; only the latest may write
	list    uint32          // counts lists of all objects
}

// id tells objects apart. Manifests may have several of one name, which copy counts.
type id struct {
	namespace, name string
	copy            int
}

// entry is what is kept of an object.
type entry struct {
	id

	value any
	keys  []digested
	bytes int64
	list  uint32 // the list that had the object last
}

// digested is a key as it is kept.
type digested struct {
	digest [16]byte
	note   *string // nil if it is empty, as most are
}

func (d *digested) compare(other *digested) int {
	return slices.Compare(d.digest[:], other.digest[:])
}

func (d *digested) compareNotes(other *digested) int { return strings.Compare(d.text(), other.text()) }

func (d *digested) text() string {
	if d.note == nil {
		return ""
	}
	return *d.note
}

func (d digested) equal(other digested) bool {
	return d.digest == other.digest && d.text() == other.text()
}

// row is one key of an entry. Rows are ordered by digest, namespace, name and note.
type row struct {
	entry *entry
	key   int
}

const (
	// entryBytes is what an entry takes beside its strings, value and keys, in the map too.
	entryBytes = 240
	// keyBytes is what a key takes, in the entry and in the tree.
	keyBytes = 64
	// mostMissing bounds how many objects are remembered by name that are not kept.
	mostMissing = 1000
)

// NewStore makes an empty store, whose bytes count against a limit; nil means that there is none.
func NewStore(v Any, limit *Limit) *Store {
	return &Store{
		view: v, limit: limit, entries: map[id]*entry{}, rows: btree.NewG(32, rowLess),
		missing: map[id]uint32{}, gaps: map[string]*gap{},
	}
}

func rowLess(a, b row) bool {
	x, y := &a.entry.keys[a.key], &b.entry.keys[b.key]
	return cmp.Or(
		x.compare(y), strings.Compare(a.entry.namespace, b.entry.namespace),
		strings.Compare(a.entry.name, b.entry.name), x.compareNotes(y),
		cmp.Compare(a.entry.copy, b.entry.copy),
	) < 0
}

func (r row) note() string { return r.entry.keys[r.key].text() }

func digest(text string) [16]byte {
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}

// newEntry is what is kept of an object, or nil.
func (s *Store) newEntry(name id, obj client.Object) *entry {
	value, keys, ok := s.view.project(obj)
	if !ok {
		return nil
	}
	e := &entry{id: name, value: value, keys: make([]digested, 0, len(keys))}
	e.bytes = entryBytes + int64(len(name.namespace)+len(name.name)) + sizeOf(value)
	var note *string // many keys of an object have the same, which is kept once
	for _, key := range keys {
		kept := digested{digest: digest(key.Text)}
		if key.Note != "" {
			if note == nil || *note != key.Note {
				text := strings.Clone(key.Note)
				note = &text
				e.bytes += int64(len(text)) + 24
			}
			kept.note = note
		}
		e.keys = append(e.keys, kept)
	}
	slices.SortFunc(e.keys, func(a, b digested) int { return cmp.Or(a.compare(&b), a.compareNotes(&b)) })
	e.keys = slices.Clone(slices.CompactFunc(e.keys, digested.equal)) // and let go of the rest
	e.bytes += keyBytes * int64(len(e.keys))
	return e
}

// set keeps an entry in place of the one of the same name, unless there is no room for it. The caller holds the lock.
func (s *Store) set(e *entry) {
	old, ok := s.entries[e.id]
	if ok && slices.EqualFunc(old.keys, e.keys, digested.equal) && reflect.DeepEqual(old.value, e.value) {
		old.list = s.list // Most changes are of the status, or of what else is not kept.
		return
	}
	s.remove(e.id)
	e.list = s.list
	if shortage := s.limit.take(e.namespace, e.bytes); shortage != enough {
		s.lack(e, shortage)
		return
	}
	s.entries[e.id] = e
	s.bytes += e.bytes
	for i := range e.keys {
		s.rows.ReplaceOrInsert(row{e, i})
	}
}

// remove forgets an object. The caller holds the lock.
func (s *Store) remove(name id) {
	s.found(name)
	e, ok := s.entries[name]
	if !ok {
		return
	}
	for i := range e.keys {
		s.rows.Delete(row{e, i})
	}
	delete(s.entries, name)
	s.bytes -= e.bytes
	s.limit.give(e.namespace, e.bytes)
}

// Get returns what is kept of the object of that name.
func (s *Store) Get(name client.ObjectKey) (any, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e, ok := s.entries[id{namespace: name.Namespace, name: name.Name}]; ok {
		return e.value, true
	}
	return nil, false
}

// find calls visit for what is found, in order, until it returns false.
func (s *Store) find(q Query, visit func(row) bool) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.incompleteLocked(q); err != nil {
		return err
	}
	wanted := digest(q.Key)
	from := func(namespace string) row {
		return row{&entry{id: id{namespace: namespace, copy: -1}, keys: []digested{{digest: wanted}}}, 0}
	}
	own := false
	walk := func(r row) bool {
		namespace := r.entry.namespace
		switch {
		case r.entry.keys[r.key].digest != wanted, q.In != "" && namespace != q.In:
			return false
		case q.Outside != "" && namespace == q.Outside:
			own = true
			return false
		}
		return visit(r)
	}
	s.rows.AscendGreaterOrEqual(from(q.In), walk)
	if own {
		s.rows.AscendGreaterOrEqual(from(q.Outside+"\x00"), walk)
	}
	return nil
}

// StoreOf makes a store without a limit of all items of a list, several of one name too.
func StoreOf(v Any, list client.ObjectList) (*Store, error) {
	s := NewStore(v, nil)
	w := s.Writer(true)
	err := meta.EachListItem(list, func(item runtime.Object) error {
		w.add(item.(client.Object))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the items of a list: %w", err)
	}
	return s, nil
}
