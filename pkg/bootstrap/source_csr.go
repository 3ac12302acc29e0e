// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// csrSource obtains certificates through the CertificateSigningRequest API, and renews them.
type csrSource struct {
	*Bootstrapper
	spec      csr.Spec
	requester *csr.Requester
	roots     *rootFinder
	// authority is the built-in signer, nil for every other one.
	authority *authority.Authority
	// who is what spec asks a certificate for; clusterIPsNow is what the Service was last seen with, nil before that.
	who           found
	clusterIPsNow atomic.Pointer[[]netip.Addr]
	// kept is the request that is under way.
	kept kept
	// looked is what was last said of CAs that cannot be read, and unread when they are read again.
	looked timing.News
	unread timing.Backoff
}

// openCSRSource serves what is stored, and then prepares to obtain more.
func (b *Bootstrapper) openCSRSource(ctx context.Context) (*csrSource, error) {
	profile, err := b.options.profile()
	if err != nil {
		return nil, err
	}
	b.restore(ctx)
	return b.newCSRSource(ctx, profile)
}

// newCSRSource prepares what needs the API server: who we are behind the Service, and the signer.
func (b *Bootstrapper) newCSRSource(ctx context.Context, profile signer.Profile) (*csrSource, error) {
	found, err := retry(ctx, b, report.PhaseIdentity, b.identify)
	if err != nil {
		return nil, err
	}
	s := &csrSource{
		Bootstrapper: b,
		who:          found,
		spec: csr.Spec{
			Identity:  found.Identity,
			Profile:   profile,
			Algorithm: b.options.KeyAlgorithm,
			Duration:  b.options.Duration,
		},
	}
	if profile.BuiltIn() {
		if s.authority, err = b.newAuthority(found); err != nil {
			return nil, err
		}
	}
	s.requester = s.newRequester(ctx)
	s.roots = newRootFinder(b, profile, s.authority)
	return s, nil
}

// observedFrom is how many functions lie between a step of package csr and phaseAt: its observe, and the function that
// it calls.
const observedFrom = 2

func (s *csrSource) newRequester(ctx context.Context) *csr.Requester {
	r := &csr.Requester{
		Client:   s.clients.kubernetes.CertificatesV1().CertificateSigningRequests(),
		Approval: s.options.Approval,
		Waiting: func(err *csr.OutcomeError) {
			s.report.Failed(report.TaskWait, err)
			klog.FromContext(ctx).Info("Still waiting for the certificate", "outcome", err.Outcome, "reason", err.Error())
		},
		Observe: func(phase csr.Phase, took time.Duration, keysAndValues ...any) {
			s.report.PhaseAt(ctx, observedFrom, string(phase), took, keysAndValues...)
		},
	}
	if account := s.options.ServiceAccount; account != "" {
		r.Username = authority.ServiceAccountUser(s.options.Namespace, account)
	}
	if s.authority != nil {
		r.Approvable, r.Sign = s.authority.Approvable, s.authority.Sign
	}
	return r
}

// run obtains and renews until ctx ends. What is served already (from the directory) is kept for as long as it is good.
func (s *csrSource) run(ctx context.Context) error {
	due, err := s.keep(ctx)
	for err == nil {
		due, err = s.renew(ctx, due)
	}
	return err
}

// renew waits until due, takes a new certificate to where it is served, and returns when that one is due.
func (s *csrSource) renew(ctx context.Context, due time.Time) (time.Time, error) {
	changes := timing.Changes{Happened: s.changed, Demand: func() bool { return s.reconsider(ctx) }}
	if err := timing.SleepUntil(ctx, due, s.Leaf(), time.Now, s.renewNow, changes); err != nil {
		return due, err
	}
	next, err := retry(ctx, s.Bootstrapper, report.TaskCertificate, s.replace)
	if err != nil {
		return due, err
	}
	if !s.options.Sidecar { // Or else it is stored by now.
		s.store(ctx, next.pair)
	}
	return timing.NextRenewal(next.pair.Leaf(), timing.Jittered(), time.Now()), nil
}

// replace obtains a certificate and takes it to where it is served. What cannot be adopted, because the CA has changed
// since it was found, is obtained again: nothing about a certificate ends the server.
func (s *csrSource) replace(ctx context.Context) (candidate, error) {
	next, err := s.obtain(ctx)
	if err != nil {
		return candidate{}, err
	}
	return next, s.adopt(ctx, next)
}

// obtain gets one certificate and finds the CA that verifies it.
func (s *csrSource) obtain(ctx context.Context) (candidate, error) {
	s.reidentify(ctx)
	if err := s.ensureAuthority(ctx); err != nil {
		return candidate{}, report.During(report.TaskAuthority, err)
	}
	issued, err := s.kept.finish(ctx, s)
	if err != nil {
		return candidate{}, report.During(report.TaskRequest, err)
	}
	policy, err := s.roots.find(ctx, issued.Chain)
	if err != nil {
		return candidate{}, report.During(report.TaskRoots, err)
	}
	s.kept.drop()
	stored := policy.Bundle
	if s.authority != nil {
		stored = s.authority.Lasting()
	}
	pair, err := serving.NewPair(issued.Chain, issued.Key, stored.Certificates())
	if err != nil {
		return candidate{}, err
	}
	return candidate{pair: pair, policy: s.published(policy)}, nil
}

// ensureAuthority makes sure that the built-in signer has its CA, and publishes it: it is known before the leaf is, so
// the caBundle can be written while the request is under way.
func (s *csrSource) ensureAuthority(ctx context.Context) error {
	if s.authority == nil {
		return nil
	}
	if err := s.authority.Ensure(ctx); err != nil {
		return err
	}
	s.publish(authorityPolicy(s.authority))
	return nil
}

// published is what to publish for a certificate that found verifies. What the built-in authority trusts may have
// changed by then.
func (s *csrSource) published(found trust.Policy) func() trust.Policy {
	if s.authority != nil {
		return authorityPolicy(s.authority)
	}
	return func() trust.Policy { return found }
}

// keep finds the CA of a pair that was restored, and returns when the pair is to be renewed: now, if there is none, if
// no CA verifies it any more, or if it is not what would be asked for today. It serves in any case, until then.
func (s *csrSource) keep(ctx context.Context) (time.Time, error) {
	now := time.Now()
	pair := s.state.Pair()
	if pair == nil {
		return now, nil
	}
	kept, err := retry(ctx, s.Bootstrapper, report.PhaseTrusted, func(ctx context.Context) (candidate, error) {
		if err := s.ensureAuthority(ctx); err != nil {
			return candidate{}, err
		}
		policy, err := s.roots.find(ctx, pair.Chain())
		if errors.As(err, new(*trust.UnverifiedError)) {
			return candidate{pair: pair}, nil // Not a failure, but a reason to renew.
		}
		return candidate{pair: pair, policy: s.published(policy)}, err
	})
	if err != nil || kept.policy == nil {
		return now, err
	}
	if err := s.adopt(ctx, kept); err != nil {
		return now, ctx.Err() // Whatever else is wrong with it is a reason to renew.
	}
	if reason := outdated(pair, s.directory.Origin(), s.spec, now); reason != "" {
		klog.FromContext(ctx).Info("Replacing the stored certificate, which keeps serving meanwhile", "reason", reason)
		return now, nil
	}
	return timing.RenewalTime(pair.Leaf(), timing.Jittered()), nil
}
