// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// Announce waits for the server to become callable for the first time, and says so with how long it took and how many
// requests to the API server.
func (r *Readiness) Announce(
	ctx context.Context, served <-chan struct{}, started time.Time, requests func() int64,
) error {
	select {
	case <-served:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.untilTrusted(ctx); err != nil {
		return err
	}
	if err := r.untilReady(ctx); err != nil {
		return err
	}
	r.log.first()
	r.options.Report.Ready(ctx, time.Since(started), requests())
	close(r.ready) // last, so that who has waited finds it in the metrics
	return nil
}

// untilTrusted waits for what is served first to be verified by the live caBundle. It may be replaced during that time.
func (r *Readiness) untilTrusted(ctx context.Context) error {
	waiting := time.Now()
	for {
		bounded, cancel := context.WithTimeout(ctx, reportInterval)
		err := r.options.Injector.WaitVerified(bounded, r.options.State.Pair().Chain(), r.options.ServerName)
		cancel()
		if err == nil {
			r.options.Report.Phase(ctx, report.PhaseTrusted, time.Since(waiting))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.options.Report.Untrusted(err)
		klog.FromContext(ctx).Info("Serving, but not ready: the API server could not verify us", "reason", err.Error())
	}
}

// untilReady waits for the listener, which starts beside us: a handshake is the only way to know that it is there. A
// Service that cannot be called is watched from now on, for it to be corrected.
func (r *Readiness) untilReady(ctx context.Context) error {
	const shortest, longest = time.Millisecond, time.Second
	const firstLine = 10 // Attempts, which take a second: a listener that starts beside us is no news.
	var news timing.News
	var last time.Time
	for tries := 1; ; tries++ {
		pair, err := r.options.State.Pair(), r.own.handshake(ctx)
		if err == nil {
			r.shared.set(pair, nil) // A probe that asks now hears of this one.
			if err = r.service(); err != nil {
				r.options.Service.Watch()
			} else if err = r.Trusted(); err == nil { // Also by the entries that call us otherwise.
				return nil
			}
		}
		if tries >= firstLine && time.Since(last) > reportInterval && ctx.Err() == nil && news.Is(err) {
			last = time.Now()
			klog.FromContext(ctx).Info("Serving, but not ready", "reason", err.Error())
		}
		if err := timing.Sleep(ctx, timing.Delay(shortest, longest, tries)); err != nil {
			return err
		}
	}
}
