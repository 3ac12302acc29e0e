// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"sync/atomic"
)

// ErrNoCertificate is what a handshake fails with as long as there is nothing to serve.
var ErrNoCertificate = errors.New("no certificate yet: the server is waiting for its first key pair, " +
	"look at its readiness and its log for the reason")

// State holds the pair being served. The zero value holds none. It is safe for concurrent use and must not be copied.
type State struct {
	pair atomic.Pointer[Pair]
}

// Set makes p the pair for all handshakes that start from now on. Nil takes the current one away.
func (s *State) Set(p *Pair) { s.pair.Store(p) }

// Pair returns the pair being served, nil when there is none.
func (s *State) Pair() *Pair { return s.pair.Load() }
