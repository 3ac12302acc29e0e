// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// announce waits for the server to become callable for the first time, and says so with how long it took and how many
// requests to the API server.
func (b *Bootstrapper) announce(ctx context.Context) error {
	select {
	case <-b.served:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := b.untilTrusted(ctx); err != nil {
		return err
	}
	if err := b.untilReady(ctx); err != nil {
		return err
	}
	b.readiness.first()
	close(b.ready)
	b.report.Ready(ctx, time.Since(b.started), b.APIRequests())
	return nil
}

// untilTrusted waits for what is served first to be verified by the live caBundle. It may be replaced meanwhile.
func (b *Bootstrapper) untilTrusted(ctx context.Context) error {
	waiting := time.Now()
	for {
		patience, cancel := context.WithTimeout(ctx, announcePatience)
		err := b.injector.WaitVerified(patience, b.state.Pair().Chain(), b.serverName())
		cancel()
		if err == nil {
			b.report.Phase(ctx, report.PhaseTrusted, time.Since(waiting))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.report.Untrusted(err)
		klog.FromContext(ctx).Info("Serving, but not ready: the API server could not verify us", "reason", err.Error())
	}
}

// announcePatience is how long to wait for trust before saying what it waits for, again and again.
const announcePatience = 10 * time.Second

// untilReady waits for the listener, which starts beside us: a handshake is the only way to know that it is there. A
// Service that cannot be called is watched from now on, for it to be corrected.
func (b *Bootstrapper) untilReady(ctx context.Context) error {
	const shortest, longest = 2 * time.Millisecond, time.Second
	var said timing.News
	var last time.Time
	for delay := shortest; ; delay = min(2*delay, longest) {
		pair, err := b.state.Pair(), b.handshake(ctx)
		if err == nil {
			b.handshakes.set(pair, nil) // A probe that asks now hears of this one.
			if err = b.serviceNow(); err != nil {
				b.getUncallable()
			} else if err = b.trustedNow(); err == nil { // Also by the entries that call us otherwise.
				return nil
			}
		}
		if delay == longest && time.Since(last) > announcePatience && ctx.Err() == nil && said.Is(err) {
			last = time.Now()
			klog.FromContext(ctx).Info("Serving, but not ready", "reason", err.Error())
		}
		if err := timing.Sleep(ctx, delay); err != nil {
			return err
		}
	}
}
