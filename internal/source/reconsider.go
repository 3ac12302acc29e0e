// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// reconsider looks again at who we are and at what verifies the certificate being served. It reports whether the
// certificate has to be renewed now; until the new one is trusted, the old one serves.
func (s *CSR) reconsider(ctx context.Context) bool {
	pair := s.State.Pair()
	if s.reidentify(ctx) {
		if missing := s.spec.Identity.Missing(pair.Leaf()); len(missing) > 0 {
			klog.FromContext(ctx).Info("Renewing the certificate, it lacks SANs", "missing", strings.Join(missing, ", "))
			return true
		}
	}
	// What becomes of the built-in signer's CA is for [CSR.authorityChanged] to see.
	return s.own == nil && s.unverified(ctx, pair)
}

// unverified publishes the CAs that verify what is served, as they are now, and reports whether there are none any
// more: the signer has moved on to another CA, or is about to.
func (s *CSR) unverified(ctx context.Context, pair *serving.Pair) bool {
	policy, err := s.cas.find(ctx, pair.Chain())
	switch {
	case err == nil:
		s.Rollover.Publish(s.policy(policy))
	case errors.As(err, new(*trust.UnverifiedError)):
		s.Report.Failed(report.PhaseTrusted, err)
		klog.FromContext(ctx).Info("Renewing the certificate, no known CA verifies it any more; it keeps serving until then",
			"reason", err.Error())
		return true
	case ctx.Err() == nil:
		delay := s.again.After(err)
		if s.unread.Is(err) {
			s.Report.Failed(report.TaskReload, err)
			klog.FromContext(ctx).Error(err, "Keeping the caBundle as it is, will look again",
				"in", delay.Round(time.Millisecond))
		}
		// What has changed since had us look sooner: one more timer each time would not end before the outage does.
		if s.lookAgain != nil {
			s.lookAgain.Stop()
		}
		s.lookAgain = time.AfterFunc(delay, s.Changed.Set)
		return false
	}
	s.unread = timing.News{}
	s.again.Reset()
	return false
}

// reidentify derives who we are again, and reports whether that is somebody else than before. Our own signer learns it
// first, for it is about to be asked.
func (s *CSR) reidentify(ctx context.Context) bool {
	now, known := s.Service.clusterIPs()
	if !known || slices.Equal(now, s.who.clusterIPs) {
		return false
	}
	id, err := s.identity(now)
	if err != nil {
		s.Report.Failed(report.PhaseIdentity, err)
		klog.FromContext(ctx).Error(err, "The Service has changed, and the certificate's names stay as they are")
		return false
	}
	klog.FromContext(ctx).Info("The Service's ClusterIPs have changed", "before", s.who.clusterIPs, "now", now)
	s.who = who{Identity: id, clusterIPs: slices.Clone(now)}
	s.spec.Identity = id
	answerTo(s.Injector, id.DNSNames, id.IPs)
	s.attempt = nil
	if s.own != nil {
		s.own.SetPolicy(s.signingPolicy(s.who))
	}
	return true
}
