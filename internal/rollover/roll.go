// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package rollover

import (
	"context"
	"time"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// Roll publishes the CA of an issued pair, waits until the live caBundle verifies the pair, and serves it. A CA that
// does not verify the pair is never published. While no certificate is served there is nothing to lose: the first is
// served at once.
func (r *Rollover) Roll(ctx context.Context, next Issued) error {
	if err := r.publishIssued(next); err != nil {
		return err
	}
	began, current := time.Now(), r.options.State.Pair()
	if next.Pair.Equal(current) {
		return nil
	}
	if current != nil {
		if err := r.awaitTrust(ctx, current, next.Pair); err != nil {
			return err
		}
	}
	if err := r.options.Sink.Deliver(ctx, next.Pair); err != nil {
		return err
	}
	r.announce(ctx, next.Pair, current == nil, began)
	if next.Policy != nil {
		r.Publish(next.Policy)
	}
	r.options.Sink.Keep(ctx, next.Pair)
	return nil
}

// RollTrusted is Roll for a process that ends afterwards: the first pair is not served before it is trusted either.
func (r *Rollover) RollTrusted(ctx context.Context, next Issued) error {
	if r.options.State.Pair() == nil {
		if err := r.publishIssued(next); err != nil {
			return err
		}
		if err := r.AwaitTrusted(ctx, next.Pair); err != nil {
			return err
		}
	}
	return r.Roll(ctx, next)
}

// publishIssued publishes the CA of next, if it verifies next.
func (r *Rollover) publishIssued(next Issued) error {
	if next.Policy == nil {
		return nil
	}
	at := timing.JudgedAt(next.Pair.Leaf(), time.Now())
	if err := next.Policy.TrustPolicy().Bundle.Verify(next.Pair.Chain(), r.options.ServerName, at); err != nil {
		return err
	}
	r.Publish(next.Policy)
	return nil
}
