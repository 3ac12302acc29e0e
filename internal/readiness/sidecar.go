// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// A server that reads files again may do so by a timer, so that it has loadWithin to load a new certificate. It is
// looked at every lookEvery.
const (
	loadWithin = 30 * time.Second
	lookEvery  = 5 * time.Second
)

// sidecar is what is known of the certificate that the other container presents. The zero value knows nothing.
type sidecar struct {
	// outdated is why it is not the stored one, nil while it is.
	outdated atomic.Pointer[error]
	// pair is the one that was stored when the listener was last asked, since is when the listener was first seen to
	// present another one, and told whether that was said. They belong to FollowSidecar.
	pair  *serving.Pair
	since time.Time
	told  bool
}

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
	presented, err := r.dial(ctx)
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

// note says why the other container's certificate is not the stored one: the old certificate is good for a while.
func (s *sidecar) note() string {
	if reason := s.outdated.Load(); reason != nil {
		return (*reason).Error()
	}
	return ""
}

// notLoaded says that a listener presents another certificate than the pair that is stored in directory; nil if it
// presents that.
func notLoaded(presented []*x509.Certificate, stored *serving.Pair, directory string) error {
	if len(presented) > 0 && presented[0].Equal(stored.Leaf()) {
		return nil
	}
	var now *x509.Certificate
	if len(presented) > 0 {
		now = presented[0]
	}
	return fmt.Errorf("the other container has not loaded the new certificate: have it read the files in %s again when "+
		"they change, or restart it; it presents %s, and stored is %s", directory, trust.DescribeCertificate(now),
		trust.DescribeCertificate(stored.Leaf()))
}
