// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import "fmt"

// memoryError says that there was no memory left to decode something. Sizes are in bytes.
type memoryError struct{ need, left, limit int64 }

// Error implements error.
func (e *memoryError) Error() string {
	if e.isForGood() {
		return fmt.Sprintf("decoding it takes up to %s of memory, and there are %s: raise the memory limit",
			size(e.need), size(e.limit))
	}
	return fmt.Sprintf("decoding it takes up to %s of memory, and %s of %s are left: try again, or raise the memory limit",
		size(e.need), size(e.left), size(e.limit))
}

// isForGood says that there will never be that much.
func (e *memoryError) isForGood() bool { return e.need > e.limit }

func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KiB", (bytes+1<<10-1)>>10)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// Guess reserves memory by a guess that is probably far too high, of what each review has. Half of that is for what is
// known better.
func (r *reservation) Guess(bytes int64) bool { return r.takeOwn(bytes, ownMemory/2) }

// Afford reserves memory for something before it is decoded, until the last sharer releases it: of what each review
// has, or of what all share if that is not enough.
func (r *reservation) Afford(bytes int64) error {
	if r.takeOwn(bytes, ownMemory) {
		return nil
	}
	limit := r.gate.limits.Decoded
	r.decoded.Add(bytes)
	if taken := r.gate.decoded.Add(bytes); taken > limit {
		r.decoded.Add(-bytes)
		r.gate.decoded.Add(-bytes)
		short := &memoryError{need: bytes, left: max(limit-(taken-bytes), 0), limit: limit}
		r.short.Store(short)
		return short
	}
	return nil
}

func (r *reservation) takeOwn(bytes, most int64) bool {
	if r.own.Add(bytes) <= most {
		return true
	}
	r.own.Add(-bytes)
	return false
}

// shortage returns what there was no memory for since it was asked last, nil if there was enough. A nil reservation is
// never short.
func (r *reservation) shortage() error {
	if r == nil {
		return nil
	}
	if short := r.short.Swap(nil); short != nil {
		return short
	}
	return nil
}
