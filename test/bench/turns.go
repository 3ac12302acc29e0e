// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"time"
)

// loading is a server that is loaded with some connections, in turns with others.
type loading struct {
	process *process
	clients clients

	took    []time.Duration // of each review, in all turns
	elapsed time.Duration
	used    usage // in all turns, and what the memory is after the last
	result  result
}

// turn loads the server for a time.
func (l *loading) turn(ctx context.Context, duration time.Duration) error {
	before, err := l.process.usage()
	if err != nil {
		return err
	}
	begin := time.Now()
	took, err := l.clients.apply(ctx, duration)
	l.elapsed += time.Since(begin)
	if err != nil {
		return err
	}
	after, err := l.process.usage()
	l.took = append(l.took, took...)
	l.used = usage{
		CPU: l.used.CPU + after.CPU - before.CPU, Mallocs: l.used.Mallocs + after.Mallocs - before.Mallocs,
		Bytes: l.used.Bytes + after.Bytes - before.Bytes, RSS: after.RSS, Peak: after.Peak,
	}
	return err
}

// sum is what was measured in all turns.
func (l *loading) sum() result {
	slices.Sort(l.took)
	r, n := l.result, float64(len(l.took))
	r.Requests, r.PerSecond = len(l.took), n/l.elapsed.Seconds()
	r.CPU = float64(l.used.CPU.Microseconds()) / n
	r.Allocations, r.Bytes = float64(l.used.Mallocs)/n, float64(l.used.Bytes)/n
	r.P50, r.P99, r.P999 = percentile(l.took, 500), percentile(l.took, 990), percentile(l.took, 999)
	r.RSS, r.Peak = l.used.RSS, l.used.Peak
	return r
}
