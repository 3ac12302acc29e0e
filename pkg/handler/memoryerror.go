// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import "fmt"

// memoryError says that there was no memory left to decode something: what it needs, what is left at the moment, and
// what there may be at most, in bytes.
type memoryError struct{ need, left, most int64 }

// Error implements error.
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
