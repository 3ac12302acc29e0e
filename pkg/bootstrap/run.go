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
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/source"
	"github.com/hookstrap/hookstrap/internal/timing"
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

// begin notes that this is the start. Bodies of API requests are logged at no verbosity.
func (b *Bootstrapper) begin(ctx context.Context) (time.Time, context.Context) {
	started := time.Now()
	b.rollover.Started = started
	ctx = b.options.logging(ctx)
	ctx = logcap.NewContext(klog.NewContext(ctx, klog.FromContext(ctx).WithName("bootstrap")))
	b.readiness.Begin(ctx)
	return started, ctx
}

// runSource feeds certificates to the rollover until ctx ends.
func (b *Bootstrapper) runSource(ctx context.Context) error {
	if b.options.Source == SourceFiles {
		return source.NewFiles(b.sourceOptions()).Run(ctx)
	}
	certificates, err := source.OpenCSR(ctx, b.sourceOptions())
	if err != nil {
		return err
	}
	return certificates.Run(ctx)
}

func (b *Bootstrapper) sourceOptions() source.Options {
	o := b.options
	profile, _ := o.profile() // As was validated.
	return source.Options{
		Inputs: o.identityInputs(), ServiceAccount: o.ServiceAccount, Profile: profile, Approval: o.Approval,
		KeyAlgorithm: o.KeyAlgorithm, Duration: o.Duration, CASecretName: o.CASecretName, CAFile: o.CAFile,
		CertDir: o.CertDir, Directory: b.directory, ExternalTrust: o.ExternalTrust,
		Kubernetes: b.clients.kubernetes, Dynamic: b.clients.dynamic, Service: b.service,
		Injector: b.injector, Rollover: b.rollover, Roll: b.rollover.Roll, State: &b.state, Report: b.report,
		Changed: b.changed, RenewNow: b.renewNow, Ready: b.Ready(),
	}
}

// runPublisher keeps the ClusterTrustBundle from when we are ready: our own start comes first.
func (b *Bootstrapper) runPublisher(ctx context.Context) error {
	if b.publisher == nil {
		return nil
	}
	select {
	case <-b.Ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := timing.Sleep(ctx, source.Calm); err != nil {
		return err
	}
	return b.publisher.Run(ctx)
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

// obtainOnce is the flow without renewals.
func (b *Bootstrapper) obtainOnce(ctx context.Context) error {
	options := b.sourceOptions()
	options.Roll = b.rollover.RollTrusted
	certificates, err := source.OpenCSR(ctx, options)
	if err != nil {
		return err
	}
	if err := certificates.Once(ctx); err != nil {
		return err
	}
	return b.rollover.AwaitTrusted(ctx, b.state.Pair())
}
