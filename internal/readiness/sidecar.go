// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// FollowSidecar compares what the other container presents with what is stored for it, until ctx ends: a server that
// never loads a new certificate is called without an error until the old one expires.
func (r *Readiness) FollowSidecar(ctx context.Context, served <-chan struct{}) error {
	if !r.options.Sidecar || r.options.Address() == "" {
		return nil
	}
	select {
	case <-served:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		if err := timing.Sleep(ctx, lookEvery); err != nil {
			return err
		}
		r.lookAtSidecar(ctx)
	}
}

// lookAtSidecar says it once for each certificate that is not loaded in time, and when it is. A listener that does not
// answer says nothing about its certificate: that is for readiness to say.
func (r *Readiness) lookAtSidecar(ctx context.Context) {
	look, pair := &r.sidecar, r.options.State.Pair()
	presented, err := r.own.dial(ctx)
	if err != nil || r.options.State.Pair() != pair {
		return
	}
	reason := notLoaded(presented, pair, r.options.CertDir)
	if reason == nil || look.pair != pair {
		look.pair, look.since, look.told = pair, time.Now(), false
	}
	logger := klog.FromContext(ctx).WithValues("listener", r.options.Address(), "certificate", pair)
	switch {
	case reason == nil && look.outdated.Swap(nil) != nil:
		r.options.Report.Sidecar(pair.Leaf(), nil)
		logger.Info("The other container has loaded the new certificate")
	case reason != nil && !look.told && time.Since(look.since) >= loadWithin:
		look.told = true
		look.outdated.Store(&reason)
		r.options.Report.Sidecar(pair.Leaf(), reason)
		logger.Error(reason, "Every call will fail when the old certificate expires or is no longer trusted")
	}
}
