// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPauseUntilChanged: a change ends the wait, once it had a moment to be complete, and however often it is told.
func TestPauseUntilChanged(t *testing.T) {
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
				b := &Bootstrapper{changed: make(chan struct{}, 1)}
				for _, after := range tc.after {
					time.AfterFunc(after, b.wake)
				}
				start := time.Now()
				if err := b.pauseUntilChanged(t.Context(), time.Minute); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); got != tc.want {
					t.Errorf("waited %s, want %s", got, tc.want)
				}
				if len(b.changed) > 0 {
					t.Error("the next attempt's failure would not be waited out")
				}
			})
		})
	}
}

func TestPauseUntilChangedEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := &Bootstrapper{changed: make(chan struct{}, 1)}
	if err := b.pauseUntilChanged(ctx, time.Hour); err == nil {
		t.Error("no error, though the context has ended")
	}
}
