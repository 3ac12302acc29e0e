// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"sync"
	"testing"
)

func TestStateHoldsWhatWasSetLast(t *testing.T) {
	root := newRoot(t, "root")
	first, second := newPair(t, root), newPair(t, root)
	var state State
	for _, p := range []*Pair{nil, first, second, nil, first} {
		state.Set(p)
		if got := state.Pair(); got != p {
			t.Errorf("Pair = %v, want %v", got, p)
		}
	}
	auth := admitting(t, nil, root)
	for _, a := range []*ClientAuth{nil, auth, nil} {
		state.SetClientAuth(a)
		if got := state.ClientAuth(); got != a || state.Pair() != first {
			t.Errorf("ClientAuth = %v, want %v, and the pair as it was", got, a)
		}
	}
}

// TestStateLosesNoChange: pair and clients are set by goroutines that know nothing of each other.
func TestStateLosesNoChange(t *testing.T) {
	var state State
	pairs, auths := []*Pair{{}, {}}, []*ClientAuth{{}, {}}
	var writers sync.WaitGroup
	const changes = 100_000
	writers.Go(func() {
		for i := range changes {
			if state.Set(pairs[i%2]); state.Pair() != pairs[i%2] {
				t.Errorf("change %d of the pair is lost", i)
				return
			}
		}
	})
	writers.Go(func() {
		for i := range changes {
			if state.SetClientAuth(auths[i%2]); state.ClientAuth() != auths[i%2] {
				t.Errorf("change %d of the clients is lost", i)
				return
			}
		}
	})
	writers.Wait()
}
