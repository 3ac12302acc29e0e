// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"cmp"
	"math"
	"runtime"
	"runtime/debug"
)

// Limits bound what reviews that come at the same time may cost. A review beyond them is answered: it is not allowed,
// with the code 429, upon which clients try again after a second. What waits is served user by user.
type Limits struct {
	// Concurrent is how many reviews are decoded and evaluated at a time, each with half a MiB for what it decodes. 0
	// stands for four for each processor, but no more than one for each 4 MiB of GOMEMLIMIT, or of 1 GiB if that is not
	// set, and no less than four. More are of use to checks that wait for something. A check that goes on when its review
	// was answered counts until it ends.
	Concurrent int
	// Queued is how many more may wait for their turn, for half of their timeouts at most; 0 stands for 16 times
	// Concurrent.
	Queued int
	// Bytes is how much memory the bodies of all these may take; decoded they take a few times as much. 0 stands for an
	// eighth of GOMEMLIMIT, or of 1 GiB if that is not set. A quarter of it is for bodies of up to 128 KiB, which nearly
	// all are. It is never less than 20 MiB, so that there is room for two of the largest.
	Bytes int64
	// Decoded is how much memory what is decoded may take for which the half MiB of its review is not enough, all that is
	// being looked at together. It is set aside by what its types can take. A check that needs an object for which there
	// is not enough fails; a review whose envelope needs too much is refused, with 413 if it needs more than there is at
	// all. 0 stands for a quarter of GOMEMLIMIT, or
	// 64 MiB if that is not set; a ConfigMap of 350,000 entries, which is as many as fit, takes 45.
	Decoded int64
}

const (
	// ownMemory is how much a review may have decoded whatever the others do. By default, an eighth of the memory is for
	// that.
	ownMemory = 512 << 10

	// firstRead is the memory set aside for a body before any of it has come, and growth how many times what has come is
	// set aside after that: who announces much and sends little gets no more.
	firstRead, growth = 16 << 10, 2

	// usualBody is what nearly all reviews are smaller than. Escape sequences are kept in these.
	usualBody = 128 << 10
)

func (l Limits) complete() Limits {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = 1 << 30
		l.Decoded = cmp.Or(l.Decoded, 64<<20)
	}
	// The container's share of the processors is often not limited, and then there are as many as the node has.
	l.Concurrent = cmp.Or(l.Concurrent, min(4*runtime.GOMAXPROCS(0), max(int(limit/8/ownMemory), 4)))
	l.Queued = cmp.Or(l.Queued, 16*l.Concurrent)
	l.Bytes = max(cmp.Or(l.Bytes, limit/8), 20<<20)
	l.Decoded = cmp.Or(l.Decoded, limit/4)
	return l
}
