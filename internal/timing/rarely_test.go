// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing_test

import (
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/timing"
)

func TestRarely(t *testing.T) {
	var r timing.Rarely
	start := time.Now()
	for _, step := range []struct {
		after   time.Duration
		ok      bool
		dropped int
	}{
		{0, true, 0}, {0, false, 0}, {59 * time.Second, false, 0}, {time.Minute, true, 2}, {time.Minute, false, 0},
		{-time.Hour, true, 1}, // The clock was set back: no silence until it is where it was.
	} {
		if ok, dropped := r.Pass(start.Add(step.after)); ok != step.ok || dropped != step.dropped {
			t.Errorf("after %s: %t, %d; want %t, %d", step.after, ok, dropped, step.ok, step.dropped)
		}
	}
}
