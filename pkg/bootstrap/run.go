// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Start runs until ctx ends and then returns nil. No failure of a certificate, a signer or the API server ends it.
func (b *Bootstrapper) Start(ctx context.Context) error {
	started, ctx := b.begin(ctx)
	b.report.Start(ctx)
	served := b.rollover.Served()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.injector.Run(ctx) })
	group.Go(func() error { return b.readiness.Announce(ctx, served, started, b.APIRequests) })
	group.Go(func() error { return b.clientCAs.Follow(ctx) })
	group.Go(func() error { return b.readiness.FollowSidecar(ctx, served) })
	group.Go(func() error { return b.runPublisher(ctx) })
	group.Go(func() error { return b.runSource(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Once obtains one certificate and returns when it is in CertDir and the live caBundles of WebhookConfigurations verify
// it; until they do, nothing is written. A good one that is there already is kept. It is for an init container or a Job
// and takes the place of [Bootstrapper.Start]; the option Sidecar is needed. Failures are tried again until ctx ends,
// and then the error says what the last one was.
func (b *Bootstrapper) Once(ctx context.Context) error {
	if !b.options.Sidecar {
		return errors.New("one certificate without the option Sidecar would be written nowhere: set it, and CertDir")
	}
	started, ctx := b.begin(ctx)
	injecting, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { _ = b.injector.Run(injecting) }) // It has no failure.
	err := b.obtainOnce(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no certificate within %s: %w", time.Since(started).Round(time.Second), b.report.Last.Or(err))
	}
	return err
}
