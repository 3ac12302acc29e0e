// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
)

// deliver writes the pair where the other container reads it, as often as it takes: a certificate that is not there is
// not served. In a process that serves itself there is nothing to do.
func (b *Bootstrapper) deliver(ctx context.Context, pair *serving.Pair) error {
	if !b.options.Sidecar {
		return nil
	}
	_, err := retry(ctx, b, report.TaskStore, func(context.Context) (struct{}, error) {
		return struct{}{}, b.directory.SaveFrom(pair, b.options.SignerName)
	})
	return err
}

// Once obtains one certificate and returns when it is in CertDir and the live caBundles of WebhookConfigurations verify
// it; until they do, nothing is written. A good one that is there already is kept. It is for an init container or a Job
// and takes the place of [Bootstrapper.Start]; the option Sidecar is needed. Failures are tried again until ctx ends,
// and then the error says what the last one was.
func (b *Bootstrapper) Once(ctx context.Context) error {
	if !b.options.Sidecar {
		return errors.New("one certificate without the option Sidecar would be written nowhere: set it, and CertDir")
	}
	b.started, b.once = time.Now(), true
	ctx = named(ctx)
	b.readiness.begin(ctx)
	injecting, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { _ = b.injector.Run(injecting) }) // It has no failure.
	err := b.obtainOnce(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no certificate within %s: %w", time.Since(b.started).Round(time.Second), b.report.Last.Or(err))
	}
	return err
}

// obtainOnce is the flow without renewals.
func (b *Bootstrapper) obtainOnce(ctx context.Context) error {
	source, err := b.openCSRSource(ctx)
	if err != nil {
		return err
	}
	due, err := source.keep(ctx)
	if err == nil && !due.After(time.Now()) {
		_, err = source.renew(ctx, due)
	}
	if err != nil {
		return err
	}
	return b.awaitFirstTrust(ctx, b.state.Pair())
}

// awaitFirstTrust blocks until the live caBundles verify the pair. There is no old one to fall back on.
func (b *Bootstrapper) awaitFirstTrust(ctx context.Context, pair *serving.Pair) error {
	err := b.injector.WaitVerified(ctx, pair.Chain(), b.serverName())
	if err != nil {
		b.report.Failed(report.PhaseTrusted, err)
	}
	return err
}
