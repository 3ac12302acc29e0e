// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// TestLoopBacksOff wants longer and longer pauses between failures, no longer than the cap, and a fresh start after a
// success.
func TestLoopBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var calls []time.Time
		work := loop{wake: timing.NewSignal(), failed: func(error) {}}
		work.look = func(context.Context) (time.Duration, error) {
			calls = append(calls, time.Now())
			if len(calls) == 15 {
				cancel()
			}
			return 0, errors.New("still down")
		}
		work.wake.Set()
		work.run(ctx)
		first, last := calls[1].Sub(calls[0]), calls[14].Sub(calls[13])
		if first < time.Second || first > 2*time.Second {
			t.Errorf("first pause %s, want about a second", first)
		}
		if last < time.Minute || last > 5*time.Minute {
			t.Errorf("last pause %s, want a few minutes", last)
		}
		if work.failures != (timing.Backoff{}) {
			t.Error("failures are remembered after the end")
		}
	})
}

func TestLoopForgetsAfterSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := loop{failed: func(error) {}}
		outcome := errors.New("once")
		work.look = func(context.Context) (time.Duration, error) { return 0, outcome }
		work.next(t.Context())
		if work.failures == (timing.Backoff{}) {
			t.Fatal("the failure is not remembered")
		}
		outcome = nil
		work.next(t.Context())
		if work.failures != (timing.Backoff{}) {
			t.Error("failures are remembered after a success")
		}
	})
}
