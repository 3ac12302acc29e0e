// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
)

// Guess reserves memory by a guess that is probably far too high, of what each review has. Half of that is for what is
// known better.
func (r *reservation) Guess(bytes int64) bool { return r.takeOwn(bytes, ownMemory/2) }

// Afford reserves memory for something before it is decoded, until the last sharer releases it: of what each review
// has, or of what all share if that is not enough.
func (r *reservation) Afford(bytes int64) error {
	if r.takeOwn(bytes, ownMemory) {
		return nil
	}
	limit, taken := r.gate.limits.Decoded, &r.gate.decoded
	for {
		now := taken.Load()
		if bytes > limit-now {
			short := &memoryError{need: bytes, left: max(limit-now, 0), most: limit - r.decoded.Load()}
			r.short.Store(short)
			return short
		}
		if taken.CompareAndSwap(now, now+bytes) {
			r.decoded.Add(bytes)
			return nil
		}
	}
}

func (r *reservation) takeOwn(bytes, most int64) bool {
	if r.own.Add(bytes) <= most {
		return true
	}
	r.own.Add(-bytes)
	return false
}

// shortage returns what there was no memory for since the last forget, nil if there was enough. A nil reservation is
// never short.
func (r *reservation) shortage() error {
	if r == nil {
		return nil
	}
	if short := r.short.Load(); short != nil {
		return short
	}
	return nil
}

func (r *reservation) forget() {
	if r != nil {
		r.short.Store(nil)
	}
}

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
