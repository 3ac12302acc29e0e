// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package retry repeats a step of the flow until it succeeds.
package retry

import (
	"context"
	"errors"
	"math"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// Policy says what happens between two attempts.
type Policy struct {
	// Report counts each failure, and keeps it for readiness.
	Report *report.Reporter
	// Changed ends the wait for the next attempt.
	Changed timing.Signal
}

// Do runs attempt until it succeeds or ctx ends; only the latter makes it fail. Each failure is logged and reported as
// one of task: a phase or a task of package report.
func Do[T any](
	ctx context.Context, p Policy, task string, attempt func(context.Context) (T, error),
) (T, error) {
	var failures timing.Backoff
	for {
		result, err := attempt(ctx)
		if err == nil {
			return result, nil
		}
		if ctx.Err() != nil {
			p.Report.Last.Keep(err)
			return result, ctx.Err()
		}
		delay := min(failures.After(err), untilUsable(err))
		p.Report.Failed(task, err)
		klog.FromContext(ctx).Error(err, "Will try again", "task", task, "in", delay.Round(time.Millisecond))
		if err := sleepUntilChanged(ctx, delay, p.Changed); err != nil {
			return result, err
		}
	}
}

// untilUsable is how long it takes until a certificate that is not valid yet can be used. Other failures have no such
// time.
func untilUsable(err error) time.Duration {
	if early := (*csr.NotValidYetError)(nil); errors.As(err, &early) {
		return max(time.Second, time.Until(early.Usable()))
	}
	return time.Duration(math.MaxInt64)
}

// settling is how long a change is given to be complete, and the least there is between two attempts.
const settling = time.Second

// sleepUntilChanged sleeps for d, or until shortly after a change.
func sleepUntilChanged(ctx context.Context, d time.Duration, changed timing.Signal) error {
	early, err := timing.SleepOr(ctx, d, changed)
	if !early {
		return err
	}
	err = timing.Sleep(ctx, min(d, settling))
	changed.Take() // The next attempt sees that one too.
	return err
}
