// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"maps"
	"sync"
	"sync/atomic"
)

// store is what this replica knows. Reviews read it without a lock.
type store struct {
	serving atomic.Pointer[State]

	mu     sync.Mutex
	stored State // what the ConfigMap says now, as far as it can be read
	exists bool
}

func (s *store) load() State {
	if known := s.serving.Load(); known != nil {
		return *known
	}
	return nil
}

// clean says whether the use of a check denies in a namespace. Before its first audit it does not.
func (s *store) clean(policy Policy, namespace string) bool {
	record, known := s.load()[policy]
	return known && record.Clean(namespace)
}

// read takes over what a ConfigMap says. What it does not say any more stays as it was known: a ConfigMap that is
// deleted or damaged does not change what is denied. A record that is older than what is known, as after a restore from
// a backup, counts all the same: replicas that differed would be worse.
func (s *store) read(stored State, exists bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.exists = stored, exists
	merged := s.load().over(stored)
	s.serving.Store(&merged)
}

// inConfigMap is what the ConfigMap says, and whether there is one.
func (s *store) inConfigMap() (State, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.stored), s.exists
}
