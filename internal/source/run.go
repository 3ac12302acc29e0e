// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/retry"
	"github.com/hookstrap/hookstrap/internal/rollover"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Run obtains and renews until ctx ends. What is served already (from the directory) is kept for as long as it is good.
func (s *CSR) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.follow(ctx) })
	if s.own != nil {
		group.Go(func() error { return s.runAuthority(ctx) })
	}
	group.Go(func() error {
		due, err := s.keep(ctx)
		for err == nil {
			due, err = s.renew(ctx, due)
		}
		return err
	})
	return group.Wait()
}

// Once is Run until a good certificate is served.
func (s *CSR) Once(ctx context.Context) error {
	due, err := s.keep(ctx)
	if err == nil && !due.After(time.Now()) {
		_, err = s.renew(ctx, due)
	}
	return err
}

// renew waits until due, takes a new certificate to where it is served, and returns when that one is due.
func (s *CSR) renew(ctx context.Context, due time.Time) (time.Time, error) {
	changes := timing.Changes{Happened: s.Changed, Demand: func() bool { return s.reconsider(ctx) }}
	if err := timing.SleepUntil(ctx, due, s.State.Leaf(), time.Now, s.RenewNow, changes); err != nil {
		return due, err
	}
	next, err := retry.Do(ctx, s.retry(), report.TaskCertificate, s.replace)
	if err != nil {
		return due, err
	}
	return timing.NextRenewal(next.Pair.Leaf(), timing.Jittered(), time.Now()), nil
}

// replace obtains a certificate and takes it to where it is served. What cannot be served, because the CA has changed
// since it was found, is obtained again: nothing about a certificate ends the server.
func (s *CSR) replace(ctx context.Context) (rollover.Issued, error) {
	next, err := s.obtain(ctx)
	if err != nil {
		return rollover.Issued{}, err
	}
	return next, s.Roll(ctx, next)
}

// obtain gets one certificate and finds the CA that verifies it.
func (s *CSR) obtain(ctx context.Context) (rollover.Issued, error) {
	s.reidentify(ctx)
	if err := s.ensureAuthority(ctx); err != nil {
		return rollover.Issued{}, report.During(report.TaskAuthority, err)
	}
	issued, err := s.request(ctx)
	if err != nil {
		return rollover.Issued{}, report.During(report.TaskRequest, err)
	}
	policy, err := s.cas.find(ctx, issued.Chain)
	if err != nil {
		return rollover.Issued{}, report.During(report.TaskRoots, err)
	}
	s.attempt = nil
	stored := policy.Bundle
	if s.own != nil {
		stored = s.own.Lasting()
	}
	pair, err := serving.NewPair(issued.Chain, issued.Key, stored.Certificates())
	if err != nil {
		return rollover.Issued{}, err
	}
	return rollover.Issued{Pair: pair, Policy: s.policy(policy)}, nil
}

// keep finds the CA of a pair that was restored, and returns when the pair is to be renewed: now, if there is none, if
// no CA verifies it any more, or if it is not what would be asked for today. It serves in any case, until then.
func (s *CSR) keep(ctx context.Context) (time.Time, error) {
	now := time.Now()
	pair := s.State.Pair()
	if pair == nil {
		return now, nil
	}
	kept, err := retry.Do(ctx, s.retry(), report.PhaseTrusted, func(ctx context.Context) (rollover.Issued, error) {
		if err := s.ensureAuthority(ctx); err != nil {
			return rollover.Issued{}, err
		}
		policy, err := s.cas.find(ctx, pair.Chain())
		if errors.As(err, new(*trust.UnverifiedError)) {
			return rollover.Issued{Pair: pair}, nil // Not a failure, but a reason to renew.
		}
		return rollover.Issued{Pair: pair, Policy: s.policy(policy)}, err
	})
	if err != nil || kept.Policy == nil {
		return now, err
	}
	if err := s.Rollover.Roll(ctx, kept); err != nil {
		return now, ctx.Err() // Whatever else is wrong with it is a reason to renew.
	}
	if reason := outdated(pair, s.Directory.Origin(), s.spec, now); reason != "" {
		klog.FromContext(ctx).Info("Replacing the stored certificate, which keeps serving until then", "reason", reason)
		return now, nil
	}
	return timing.RenewalTime(pair.Leaf(), timing.Jittered()), nil
}

// runAuthority follows the CA from the first certificate on.
func (s *CSR) runAuthority(ctx context.Context) error {
	select {
	case <-s.Rollover.Served():
		return s.own.Run(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ensureAuthority makes sure that the built-in signer has its CA, and publishes it: it is known before the leaf is, so
// the caBundle can be written while the request is under way.
func (s *CSR) ensureAuthority(ctx context.Context) error {
	if s.own == nil {
		return nil
	}
	if err := s.own.Ensure(ctx); err != nil {
		return err
	}
	s.Rollover.Publish(s.own)
	return nil
}
