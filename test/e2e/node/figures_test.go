// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// figures are what is left of a stream.
type figures struct {
	admissions, denied int
	failed             []admission
	took               time.Duration
	p50, p99           time.Duration
	pause              time.Duration // the longest in which nothing was asked
}

func figuresOf(admissions []admission, took time.Duration) figures {
	f := figures{admissions: len(admissions), took: took}
	var answered []time.Duration
	for _, a := range admissions {
		switch {
		case a.err != nil:
			f.failed = append(f.failed, a)
			continue
		case a.denied:
			f.denied++
		}
		answered = append(answered, a.ended.Sub(a.began))
	}
	f.pause = longestPause(admissions)
	f.p50, f.p99 = percentile(answered, 50), percentile(answered, 99)
	return f
}

// percentile is zero if there are no durations.
func percentile(durations []time.Duration, p int) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[(len(sorted)-1)*p/100]
}

func (f figures) rate() float64 { return float64(f.admissions) / f.took.Seconds() }

// String says so if the machine was busy: what went wrong for a shorter time than the pause was not seen.
func (f figures) String() string {
	text := fmt.Sprintf("%d admissions (%d denied as they should be), %.0f/s, failed %d, p50 %s, p99 %s, duration %s",
		f.admissions, f.denied, f.rate(), len(f.failed), round(f.p50), round(f.p99), f.took.Round(100*time.Millisecond))
	if f.rate() < calmRate {
		text += fmt.Sprintf("; the machine was busy: %d/s were asked for, and nothing was for %s once", streamRate, round(f.pause))
	}
	return text
}

// longestPause is the longest time between two that were asked one after the other.
func longestPause(admissions []admission) time.Duration {
	began := make([]time.Time, 0, len(admissions))
	for _, a := range admissions {
		began = append(began, a.began)
	}
	slices.SortFunc(began, time.Time.Compare)
	var longest time.Duration
	for i := 1; i < len(began); i++ {
		longest = max(longest, began[i].Sub(began[i-1]))
	}
	return longest
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// report fails the test for each of them, up to a number that can be read.
func (f figures) report(t *testing.T, failed []admission) {
	t.Helper()
	for i, a := range failed {
		if i == 10 {
			t.Errorf("and %d more", len(failed)-i)
			return
		}
		t.Errorf("failed at %s after %s: %v", a.ended.Format("15:04:05.000"), round(a.ended.Sub(a.began)), a.err)
	}
}
