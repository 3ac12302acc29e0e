// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
)

// Bootstrapper runs the one flow for a webhook server. Make it with [New], give [Bootstrapper.TLSOption] to the server,
// and run [Bootstrapper.Start]. It implements controller-runtime's manager.Runnable and LeaderElectionRunnable.
// All methods are safe for concurrent use; Start may be called once.
type Bootstrapper struct {
	// Notices are events of our Pod about what is not the certificate.
	*report.Notices

	*flow
}

// New reads what the options leave empty from the environment, checks them, reads the client CAs and prepares the
// clients. It contacts nothing. The error joins a [FieldError] for each fault.
//
// Unless the environment variable GOMEMLIMIT is set, or the program has called [runtime/debug.SetMemoryLimit], the
// memory limit of the Go runtime becomes nine tenths of the container's, and follows it until Start ends.
// GOMEMLIMIT=off keeps it off. Make a handler after that, whose limits are parts of it.
func New(options Options) (*Bootstrapper, error) {
	options, err := options.completed(os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("bootstrap options: %w", err)
	}
	f, err := newFlow(options)
	if err != nil {
		return nil, err
	}
	return &Bootstrapper{Notices: report.NewNotices(f.report, options.Namespace), flow: f}, nil
}

// Start runs until ctx ends and then returns nil. No failure of a certificate, a signer or the API server ends it.
func (b *Bootstrapper) Start(ctx context.Context) error {
	started, ctx := b.begin(ctx)
	b.report.Start(ctx)
	served := b.rollover.Served()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		b.memory.Follow(ctx)
		return nil
	})
	group.Go(func() error { return b.injector.Run(ctx) })
	group.Go(func() error { return b.readiness.Announce(ctx, served, started, b.APIRequests) })
	group.Go(func() error { return b.clientCAs.Follow(ctx) })
	group.Go(func() error { return b.readiness.FollowSidecar(ctx, served) })
	group.Go(func() error { return b.runPublisher(ctx) })
	group.Go(func() error { return b.runInForce(ctx) })
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
	if b.options.Source.reads() {
		return fmt.Errorf("the source %s obtains no certificate, it reads what is there: leave this step out",
			b.options.Source)
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

// TLSOption makes a server serve what the Bootstrapper has: pass it in controller-runtime's webhook.Options.TLSOpts, or
// call it on the tls.Config of any other server. Before the first certificate every handshake fails.
func (b *Bootstrapper) TLSOption(cfg *tls.Config) {
	b.state.TLSOption(b.options.TLS)(cfg)
}

// NeedLeaderElection is false: no certificate ever waits for a lease.
func (b *Bootstrapper) NeedLeaderElection() bool { return false }

// Renew asks for a new certificate now, in the background, with the old one serving until the new one is trusted. One
// that was issued and cannot be used yet, since no CA verifies it for instance, is given up. With [SourceFiles]
// and [SourcePodCertificate] it does nothing: the program that writes the files renews.
func (b *Bootstrapper) Renew() {
	b.renewNow.Set()
	b.changed.Set()
}

// Leaf is the certificate that is being served, nil before the first.
func (b *Bootstrapper) Leaf() *x509.Certificate { return b.state.Leaf() }

// APIRequests is how many requests to the API server were made so far.
func (b *Bootstrapper) APIRequests() int64 { return b.requests.Load() }

// Served is closed when there is a first certificate to serve.
func (b *Bootstrapper) Served() <-chan struct{} { return b.rollover.Served() }

// Ready is closed when the server has become callable for the first time.
func (b *Bootstrapper) Ready() <-chan struct{} { return b.readiness.Ready() }

// Conditions are what "ready" means, one line each for a readiness endpoint: a certificate that has not expired, the
// live caBundle of every object through which the API server calls us verifies it, the API server can call the port
// of the Service that those objects name, and a handshake with our own listener (or the other container's, if we
// know where it listens) succeeds with nothing but those caBundles.
func (b *Bootstrapper) Conditions() []lifecycle.Condition { return b.readiness.Conditions() }

// Readyz is all [Bootstrapper.Conditions] as one check, for controller-runtime's AddReadyzCheck.
func (b *Bootstrapper) Readyz(req *http.Request) error {
	return b.callable(req.Context())
}

// ErrorLog takes what net/http's server has to say, which controller-runtime's webhook server lets it say through
// package log: pass it to [log.SetOutput], or to [log.New] for http.Server.ErrorLog. What it says about handshakes
// becomes one structured line a minute for each client and reason, and none for the handshakes that readiness does,
// which fail from the server's point of view when ClientCAFile is set.
func (b *Bootstrapper) ErrorLog(logger klog.Logger) io.Writer {
	return serving.NewErrorLog(logger, b.readiness.Own)
}
