// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"time"

	"k8s.io/klog/v2"
)

// The phases beside those of package csr.
const (
	phaseIdentity = "identity"
	phaseServed   = "served"
	phaseTrusted  = "trusted"
	phaseReady    = "ready"
)

// phase says that a step of the flow is done: one log line, which has its caller's place in the source, and one metric.
func (b *Bootstrapper) phase(ctx context.Context, name string, took time.Duration, keysAndValues ...any) {
	b.phaseAt(ctx, 1, name, took, keysAndValues...)
}

// phaseAt is phase for a caller further up: depth is how many functions lie between it and this one.
func (b *Bootstrapper) phaseAt(ctx context.Context, depth int, name string, took time.Duration, keysAndValues ...any) {
	b.metrics.phase(name, took)
	keysAndValues = append([]any{"phase", name, "took", took.Round(100 * time.Microsecond)}, keysAndValues...)
	klog.FromContext(ctx).WithCallDepth(depth+1).Info("Bootstrap phase done", keysAndValues...)
}

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
	requests := b.requests.count.Load()
	b.metrics.startRequests.Set(float64(requests))
	b.phase(ctx, phaseReady, time.Since(b.started), "apiRequests", requests)
	close(b.ready)
	b.events.send()
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
			b.phase(ctx, phaseTrusted, time.Since(waiting))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.untrusted(err)
		klog.FromContext(ctx).Info("Serving, but not ready: the API server could not verify us", "reason", err.Error())
	}
}

// announcePatience is how long to wait for trust before saying what it waits for, again and again.
const announcePatience = 10 * time.Second

// untilReady waits for the listener, which starts beside us: a handshake is the only way to know that it is there.
func (b *Bootstrapper) untilReady(ctx context.Context) error {
	const shortest, longest = 2 * time.Millisecond, time.Second
	for delay := shortest; ; delay = min(2*delay, longest) {
		if pair := b.state.Pair(); b.handshake(ctx) == nil {
			b.handshakes.set(pair, nil) // A probe that asks now hears of this one.
			return nil
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}
