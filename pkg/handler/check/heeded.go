// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"iter"
)

// heeded goes through a list of an object until the context ends, after which no caller waits for what is found. Code
// that uses it returns the context's error beside what it has found: what was not looked at is not fine.
func heeded[T any](ctx context.Context, list []T) iter.Seq2[int, T] {
	const often = 64 // items: looking at the context takes a lock
	return func(yield func(int, T) bool) {
		for i, item := range list {
			if i%often == 0 && ctx.Err() != nil || !yield(i, item) {
				return
			}
		}
	}
}
