// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// store keeps of each object of a kind what counts of it. A reflector writes it; any number of goroutines may read.
type store[T any] struct {
	// keep returns what counts of an object, and false to keep nothing.
	keep func(obj any) (T, bool)
	// equal tells whether a change of an object changes nothing that counts.
	equal func(a, b T) bool
	// changed is told of each object that has changed, without the lock.
	changed func(types.NamespacedName)
	// group, unless nil, is what an object is counted by.
	group func(T) types.UID

	mu     sync.RWMutex
	synced bool
	known  map[string]map[string]T // by namespace and name
	counts map[types.UID]int       // of objects, by group
}

var _ cache.ReflectorStore = &store[Pod]{}

// get returns what is known of an object.
func (s *store[T]) get(key types.NamespacedName) (kept T, known bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	kept, known = s.known[key.Namespace][key.Name]
	return kept, known
}

// each calls do for every object of a namespace, with the lock held.
func (s *store[T]) each(namespace string, do func(name string, kept T)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name, kept := range s.known[namespace] {
		do(name, kept)
	}
}

// len is how many objects are known.
func (s *store[T]) len() (n int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, objects := range s.known {
		n += len(objects)
	}
	return n
}

// inGroup is how many objects of a group are known.
func (s *store[T]) inGroup(group types.UID) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts[group]
}

// complete tells whether all objects have been read once.
func (s *store[T]) complete() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.synced
}

// Add implements [cache.ReflectorStore].
func (s *store[T]) Add(obj any) error { return s.Update(obj) }

// Update implements [cache.ReflectorStore].
func (s *store[T]) Update(obj any) error {
	key, err := keyOf(obj)
	if err != nil {
		return err
	}
	kept, keep := s.keep(obj)
	s.mu.Lock()
	old, known := s.known[key.Namespace][key.Name]
	s.put(key, kept, keep)
	s.mu.Unlock()
	if known != keep || keep && !s.equal(old, kept) {
		s.changed(key)
	}
	return nil
}

// Delete implements [cache.ReflectorStore].
func (s *store[T]) Delete(obj any) error {
	key, err := keyOf(obj)
	if err != nil {
		return err
	}
	s.forget(key)
	s.changed(key)
	return nil
}

// forget removes an object, and tells nothing of it.
func (s *store[T]) forget(key types.NamespacedName) {
	var none T
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, none, false)
}

// put is called with the lock held.
func (s *store[T]) put(key types.NamespacedName, kept T, keep bool) {
	s.count(key, -1)
	defer s.count(key, 1)
	switch objects := s.known[key.Namespace]; {
	case keep && objects == nil:
		s.known[key.Namespace] = map[string]T{key.Name: kept}
	case keep:
		objects[key.Name] = kept
	case objects != nil:
		if delete(objects, key.Name); len(objects) == 0 {
			delete(s.known, key.Namespace)
		}
	}
}

// count adds n to the number of objects in the group of one, if that is known. It is called with the lock held.
func (s *store[T]) count(key types.NamespacedName, n int) {
	kept, known := s.known[key.Namespace][key.Name]
	if !known || s.group == nil {
		return
	}
	group := s.group(kept)
	if s.counts[group] += n; s.counts[group] == 0 {
		delete(s.counts, group)
	}
}

// Replace implements [cache.ReflectorStore]. Everything counts as changed that there was or is.
func (s *store[T]) Replace(objs []any, _ string) error {
	changed := map[types.NamespacedName]bool{}
	s.mu.Lock()
	for namespace, objects := range s.known {
		for name := range objects {
			changed[types.NamespacedName{Namespace: namespace, Name: name}] = true
		}
	}
	s.known, s.counts, s.synced = map[string]map[string]T{}, map[types.UID]int{}, true
	for _, obj := range objs {
		if key, err := keyOf(obj); err == nil {
			kept, keep := s.keep(obj)
			s.put(key, kept, keep)
			changed[key] = true
		}
	}
	s.mu.Unlock()
	for key := range changed {
		s.changed(key)
	}
	return nil
}

// Resync implements [cache.ReflectorStore].
func (s *store[T]) Resync() error { return nil }

func keyOf(obj any) (types.NamespacedName, error) {
	object, err := meta.Accessor(obj)
	if err != nil {
		return types.NamespacedName{}, err
	}
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}, nil
}
