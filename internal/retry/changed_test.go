// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// TestSleepUntilChanged: a change ends the wait, once it had a moment to be complete, and however often it is told.
func TestSleepUntilChanged(t *testing.T) {
	for name, tc := range map[string]struct {
		after []time.Duration
		want  time.Duration
	}{
		"no change":                    {nil, time.Minute},
		"one":                          {[]time.Duration{10 * time.Second}, 11 * time.Second},
		"one that came before":         {[]time.Duration{0}, time.Second},
		"many, shortly after another":  {[]time.Duration{10 * time.Second, 10200 * time.Millisecond}, 11 * time.Second},
		"one at the end of the wait":   {[]time.Duration{59500 * time.Millisecond}, time.Minute + 500*time.Millisecond},
		"one after the end, of no use": {[]time.Duration{2 * time.Minute}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				changed := timing.NewSignal()
				for _, after := range tc.after {
					time.AfterFunc(after, changed.Set)
				}
				start := time.Now()
				if err := sleepUntilChanged(t.Context(), time.Minute, changed); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); got != tc.want {
					t.Errorf("waited %s, want %s", got, tc.want)
				}
				if changed.Take() {
					t.Error("the next attempt's failure would not be waited out")
				}
			})
		})
	}
}

func TestSleepUntilChangedEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	changed := timing.NewSignal()
	if err := sleepUntilChanged(ctx, time.Hour, changed); err == nil {
		t.Error("no error, though the context has ended")
	}
}
