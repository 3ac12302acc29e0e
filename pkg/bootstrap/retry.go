// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"math"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// retry runs attempt until it succeeds or ctx ends; only the latter makes it fail. Each failure is logged, counted and
// shown by readiness, for what: a phase or a task. A change of what an attempt depends on ends the wait for the next.
func retry[T any](
	ctx context.Context,
	b *Bootstrapper,
	what string,
	attempt func(context.Context) (T, error),
) (T, error) {
	var failures timing.Backoff
	for {
		result, err := attempt(ctx)
		if err == nil {
			return result, nil
		}
		if ctx.Err() != nil {
			b.report.Last.Keep(err)
			return result, ctx.Err()
		}
		delay := min(failures.After(err), untilUsable(err))
		b.report.Failed(what, err)
		klog.FromContext(ctx).Error(err, "Will try again", "task", what, "in", delay.Round(time.Millisecond))
		if err := b.pauseUntilChanged(ctx, delay); err != nil {
			return result, err
		}
	}
}

// untilUsable is how long it takes until a certificate that is not valid yet can be used. Other failures have no such
// time.
func untilUsable(err error) time.Duration {
	if early, ok := errors.AsType[*csr.NotValidYetError](err); ok {
		return max(time.Second, time.Until(early.Usable()))
	}
	return time.Duration(math.MaxInt64)
}

// settling is how long a change is given to be complete, and the least there is between two attempts.
const settling = time.Second

// pauseUntilChanged is pause, cut short by [Bootstrapper.wake].
func (b *Bootstrapper) pauseUntilChanged(ctx context.Context, d time.Duration) error {
	early, err := timing.SleepOr(ctx, d, b.changed)
	if !early {
		return err
	}
	err = timing.Sleep(ctx, min(d, settling))
	select {
	case <-b.changed: // The next attempt sees that one too.
	default:
	}
	return err
}
