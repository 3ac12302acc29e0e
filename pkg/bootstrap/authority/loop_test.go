// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestLoopBacksOff wants longer and longer pauses between failures, no longer than the cap, and a fresh start after a
// success.
func TestLoopBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var calls []time.Time
		work := newLoop("test")
		work.handle = func(context.Context, string) error {
			calls = append(calls, time.Now())
			if len(calls) == 15 {
				cancel()
			}
			return errors.New("still down")
		}
		work.queue.Add("key")
		for ctx.Err() == nil {
			work.next(ctx)
		}
		work.queue.ShutDown()
		first, last := calls[1].Sub(calls[0]), calls[14].Sub(calls[13])
		if first < minBackoff || first > 2*minBackoff {
			t.Errorf("first pause %s, want about %s", first, minBackoff)
		}
		if limit := time.Duration(float64(maxBackoff) * (1 + backoffJitter)); last < maxBackoff || last > limit {
			t.Errorf("last pause %s, want from %s to %s", last, maxBackoff, limit)
		}
		if got := work.failures.NumRequeues("key"); got != 0 {
			t.Errorf("%d failures are remembered after the end", got)
		}
	})
}

func TestLoopForgetsAfterSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := newLoop("test")
		defer work.queue.ShutDown()
		outcome := errors.New("once")
		work.handle = func(context.Context, string) error { return outcome }
		work.queue.Add("key")
		work.next(t.Context())
		if got := work.failures.NumRequeues("key"); got != 1 {
			t.Fatalf("%d failures remembered, want 1", got)
		}
		outcome = nil
		work.next(t.Context())
		if got := work.failures.NumRequeues("key"); got != 0 {
			t.Errorf("%d failures remembered after a success", got)
		}
	})
}
