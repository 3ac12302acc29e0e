// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"sync/atomic"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// memory is what one review may have decoded at a time: some of its own, and then of what all share. A nil memory is
// never short. It may be used concurrently.
type memory struct {
	shared *sharedMemory
	own    atomic.Int64
	taken  atomic.Int64 // of what is shared
	short  atomic.Pointer[memoryError]
}

// sharedMemory is what all reviews that are being looked at share, in bytes.
type sharedMemory struct {
	limit int64
	taken atomic.Int64
	types lean.Types
}

// Guess reserves memory by a guess that is probably far too high, of what each review has. Half of that is for what is
// known better.
func (m *memory) Guess(bytes int64) bool { return m.takeOwn(bytes, ownMemory/2) }

// Types implements [lean.Memory].
func (m *memory) Types() *lean.Types { return &m.shared.types }

// Afford reserves memory for something before it is decoded, until it is released: of what each review
// has, or of what all share if that is not enough.
func (m *memory) Afford(bytes int64) error {
	if m.takeOwn(bytes, ownMemory) {
		return nil
	}
	limit, taken := m.shared.limit, &m.shared.taken
	for {
		now := taken.Load()
		if bytes > limit-now {
			short := &memoryError{need: bytes, left: max(limit-now, 0), most: limit - m.taken.Load()}
			m.short.Store(short)
			return short
		}
		if taken.CompareAndSwap(now, now+bytes) {
			m.taken.Add(bytes)
			return nil
		}
	}
}

func (m *memory) takeOwn(bytes, most int64) bool {
	if m.own.Add(bytes) <= most {
		return true
	}
	m.own.Add(-bytes)
	return false
}

// shortage returns what there was no memory for since the last forget, nil if there was enough.
func (m *memory) shortage() error {
	if m == nil {
		return nil
	}
	if short := m.short.Load(); short != nil {
		return short
	}
	return nil
}

func (m *memory) forget() {
	if m != nil {
		m.short.Store(nil)
	}
}

// release gives back what is shared. There must be no reserving after that.
func (m *memory) release() { m.shared.taken.Add(-m.taken.Load()) }

// memoryError says that there was no memory left to decode something: what it needs, what is left at the moment, and
// what there may be at most, in bytes.
type memoryError struct{ need, left, most int64 }

func (e *memoryError) Error() string {
	if e.isForGood() {
		return fmt.Sprintf("decoding it takes up to %s of memory, and there are %s: raise the memory limit",
			sizeUp(e.need), sizeDown(e.most))
	}
	return fmt.Sprintf("decoding it takes up to %s of memory, and %s of %s are left: try again, or raise the memory limit",
		sizeUp(e.need), sizeDown(e.left), sizeDown(e.most))
}

// isForGood says that there will never be that much.
func (e *memoryError) isForGood() bool { return e.need > e.most }

// sizeUp and sizeDown never make what is too much look like enough.
func sizeUp(bytes int64) string { return sizeDown(bytes + 1<<10 - 1) }

func sizeDown(bytes int64) string { return fmt.Sprintf("%d KiB", bytes>>10) }
