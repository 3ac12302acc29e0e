// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/x509"
	"errors"
	"sync/atomic"
)

// ErrNoCertificate is what a handshake fails with as long as there is nothing to serve.
var ErrNoCertificate = errors.New("no certificate yet: the server is waiting for its first key pair, " +
	"look at its readiness and its log for the reason")

// State holds what handshakes are made with: the pair being served and, where clients have to show a certificate, who
// of them gets in. The zero value holds neither. It is safe for concurrent use and must not be copied.
type State struct {
	current atomic.Pointer[snapshot]
}

// snapshot is everything a handshake looks at. It is replaced as a whole and never changed.
type snapshot struct {
	pair    *Pair
	clients *ClientAuth
}

// Set makes p the pair for all handshakes that start from now on. Nil takes the current one away.
func (s *State) Set(p *Pair) { s.update(func(next *snapshot) { next.pair = p }) }

// Pair returns the pair being served, nil when there is none.
func (s *State) Pair() *Pair { return s.load().pair }

// Leaf returns the certificate being served, nil when there is none.
func (s *State) Leaf() *x509.Certificate {
	if pair := s.Pair(); pair != nil {
		return pair.Leaf()
	}
	return nil
}

// SetClientAuth makes a decide about the clients of all handshakes that start from now on. Nil admits every client.
func (s *State) SetClientAuth(a *ClientAuth) { s.update(func(next *snapshot) { next.clients = a }) }

// ClientAuth returns what decides about clients, nil when each of them gets in.
func (s *State) ClientAuth() *ClientAuth { return s.load().clients }

func (s *State) load() snapshot {
	if current := s.current.Load(); current != nil {
		return *current
	}
	return snapshot{}
}

// update replaces the snapshot by a changed copy, and keeps what another goroutine changed during that time.
func (s *State) update(change func(*snapshot)) {
	for {
		current := s.current.Load()
		next := &snapshot{}
		if current != nil {
			*next = *current
		}
		change(next)
		if s.current.CompareAndSwap(current, next) {
			return
		}
	}
}
