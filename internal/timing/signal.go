// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

// Signal tells one goroutine that something has changed. One that is set while another is waiting is the same signal.
type Signal chan struct{}

// NewSignal returns one that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set sets it. It does not block.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Take unsets it, and reports whether it was set.
func (s Signal) Take() bool {
	select {
	case <-s:
		return true
	default:
		return false
	}
}
