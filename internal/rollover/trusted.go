// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package rollover

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
)

const (
	// lastCall is how long before the old certificate's expiry an untrusted new one is served all the same: a
	// certificate that may not be trusted yet is better than one that certainly no longer is.
	lastCall = time.Minute
	// Propagation is how long a changed caBundle is given to reach every API server of the control plane: each follows
	// the configuration with a watch of its own, and we have seen only what one of them has.
	Propagation = 2 * time.Second
)

// AwaitTrusted blocks until the live caBundles verify the pair, or ctx ends.
func (r *Rollover) AwaitTrusted(ctx context.Context, pair *serving.Pair) error {
	err := r.options.Trust.WaitVerified(ctx, pair.Chain(), r.options.ServerName)
	if err != nil {
		r.options.Report.Failed(report.PhaseTrusted, err)
	}
	return err
}

// awaitTrust blocks until the live caBundle verifies next and has done so for long enough, until current is about to
// expire, or until ctx ends. It fails when next has become due for renewal itself in that time without being trusted.
func (r *Rollover) awaitTrust(ctx context.Context, current, next *serving.Pair) error {
	started := time.Now()
	if sameIssuer(current, next) && r.verified(next) == nil {
		return nil // The usual renewal: the same CA, trusted all along.
	}
	trusted := func() { r.options.Report.Phase(ctx, report.PhaseTrusted, time.Since(started), "certificate", next) }
	for {
		now, reason := time.Now(), r.verified(next)
		nap := timing.NapUntil(current.Leaf().NotAfter.Add(-lastCall), now)
		switch {
		case nap <= 0 && reason == nil: // There is no time to wait until every API server has seen it.
			trusted()
			return nil
		case nap <= 0:
			r.lastResort(ctx, reason, current, next)
			return nil
		case reason != nil && now.After(timing.RenewalTime(next.Leaf(), 1)):
			return fmt.Errorf("the certificate %s has not come to be trusted before it was due for renewal itself: %w", next,
				reason)
		}
		err := r.becomesTrusted(ctx, nap, current, next)
		if err == nil {
			trusted()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.options.Report.Failed(report.PhaseTrusted, err)
		klog.FromContext(ctx).Info("The new certificate waits for the live caBundle; the old one keeps serving",
			"reason", err.Error())
	}
}

// verified is nil while the live caBundle verifies the pair.
func (r *Rollover) verified(pair *serving.Pair) error {
	return r.options.Trust.Verify(pair.Chain(), r.options.ServerName, time.Now())
}

// sameIssuer tells whether both leaves were signed by the same key.
func sameIssuer(a, b *serving.Pair) bool {
	return len(a.Leaf().AuthorityKeyId) > 0 && bytes.Equal(a.Leaf().AuthorityKeyId, b.Leaf().AuthorityKeyId)
}

// becomesTrusted waits, for longest at most, until the live caBundle verifies next, and then until every API server
// may be expected to have seen that. It does not wait for them while the live caBundle no longer verifies current.
func (r *Rollover) becomesTrusted(ctx context.Context, longest time.Duration, current, next *serving.Pair) error {
	bounded, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := r.options.Trust.WaitVerified(bounded, next.Chain(), r.options.ServerName); err != nil {
		return err
	}
	const step = 100 * time.Millisecond
	for seen := time.Duration(0); seen < Propagation && r.verified(current) == nil; seen += step {
		if err := timing.Sleep(ctx, step); err != nil {
			return err
		}
	}
	return r.verified(next)
}

// lastResort says that next is going to be served although it is not trusted, for that reason.
func (r *Rollover) lastResort(ctx context.Context, reason error, current, next *serving.Pair) {
	r.options.Report.Untrusted(reason)
	klog.FromContext(ctx).Info("Serving a certificate that the live caBundle does not verify, because the old one "+
		"expires", "reason", reason, "old", current, "new", next)
}
