// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiterLetsEachKindThroughOnceAMinute(t *testing.T) {
	var l limiter
	start := time.Now()
	for i, step := range []struct {
		key     string
		after   time.Duration
		pass    bool
		dropped int
	}{
		{"a", 0, true, 0},
		{"a", time.Second, false, 0},
		{"b", time.Second, true, 0},
		{"a", 59 * time.Second, false, 0},
		{"a", 60 * time.Second, true, 2},
		{"a", 61 * time.Second, false, 0},
		{"b", time.Hour, true, 0},
		{"a", time.Hour, true, 1},
	} {
		if pass, dropped := l.pass(step.key, start.Add(step.after)); pass != step.pass || dropped != step.dropped {
			t.Errorf("step %d: pass = %t, %d, want %t, %d", i, pass, dropped, step.pass, step.dropped)
		}
	}
}

// TestLimiterIsBounded: made up names fill neither the log nor the memory, and what was known before is still told.
func TestLimiterIsBounded(t *testing.T) {
	var l limiter
	start := time.Now()
	for round := range 3 {
		now, passed := start.Add(time.Duration(round)*logInterval), 0
		for i := range 10 * mostKeys {
			if pass, _ := l.pass(fmt.Sprint(round, i), now); pass {
				passed++
			}
		}
		if passed > mostKeys+1 || passed < mostKeys/2 || len(l.seen) > mostKeys+1 {
			t.Errorf("round %d: %d lines pass and %d are remembered, want about %d", round, passed, len(l.seen), mostKeys)
		}
	}
}
