// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import "testing"

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
}
