// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Bootstrapper runs the one flow for a webhook server. Make it with [New], give [Bootstrapper.TLSOption] to the server,
// and run [Bootstrapper.Start]. It implements controller-runtime's manager.Runnable and LeaderElectionRunnable.
// All methods are safe for concurrent use; Start may be called once.
type Bootstrapper struct {
	options  Options
	clients  clients
	requests *requestCounter
	report   *report.Reporter
	// Notices are for what is not the certificate.
	*report.Notices
	injector *trust.Injector
	// publisher is nil unless it was asked for.
	publisher *trust.Publisher
	state     serving.State
	// directory keeps the pair across restarts, nil for memory only.
	directory *serving.Directory
	readiness readiness
	// listens is where a [Server] of ours listens, nil before that is known.
	listens   atomic.Pointer[string]
	selfGiven bool // Options.SelfAddress was set
	// service is what the Service was last seen to be, [noService] if it was not there; nil before that.
	service atomic.Pointer[corev1.Service]
	// own are the addresses of our own handshakes, which are no clients.
	own addresses

	// handshakes are those of readiness, with our own listener or the other container's.
	handshakes shared[*serving.Pair]
	// sidecar is what the other container was last seen to present.
	sidecar sidecarLook

	// publishing is held from reading a trust policy until the injector has it.
	publishing sync.Mutex

	// renewNow asks for a renewal; a second request while one is waiting is the same request.
	renewNow chan struct{}
	// changed says that something which a certificate depends on is no longer what it was; see wake.
	changed chan struct{}
	// uncallable is closed, by getUncallable, when the Service turns out at the start to be none that can be called.
	uncallable    chan struct{}
	getUncallable func()
	// served is closed when the first certificate is served, ready when the first handshake was verified.
	served, ready chan struct{}
	started       time.Time
	// once is true in [Bootstrapper.Once].
	once bool
}

// New checks the options, all faults at once, reads the client CAs and prepares the clients. It contacts nothing.
func New(options Options) (*Bootstrapper, error) {
	given := options.SelfAddress != ""
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("bootstrap options: %w", err)
	}
	requests := &requestCounter{}
	clients, err := newClients(options.RESTConfig, requests, refusal.NewRights(options.Namespace, options.neededRights()))
	if err != nil {
		return nil, err
	}
	uncallable := make(chan struct{})
	b := &Bootstrapper{
		options:  options,
		clients:  clients,
		requests: requests,

		readiness:  readiness{made: time.Now()},
		uncallable: uncallable, getUncallable: sync.OnceFunc(func() { close(uncallable) }),

		renewNow: make(chan struct{}, 1),
		changed:  make(chan struct{}, 1),
		served:   make(chan struct{}),
		ready:    make(chan struct{}),
	}
	b.handshakes.ask = b.handshake
	b.selfGiven = given
	if err := b.loadClientAuth(); err != nil {
		return nil, fmt.Errorf("bootstrap options: ClientCAFile: %w", err)
	}
	if options.Source == SourceCSR && options.CertDir != "" {
		if b.directory, err = serving.OpenDirectory(options.CertDir); err != nil {
			return nil, err
		}
	}
	b.report, err = report.New(report.Options{
		Registerer: options.Registerer, Trusted: b.trustedNow, Events: clients.events(options.Namespace),
		Pod: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: options.Namespace, Name: options.PodName,
			UID: options.PodUID},
		SharedConfigurations: options.SharedConfigurations, CASecret: options.CASecretName,
	})
	if err != nil {
		return nil, err
	}
	b.Notices = report.NewNotices(b.report, options.Namespace)
	b.injector, err = trust.NewInjector(trust.InjectorOptions{
		Client:   clients.dynamic,
		Targets:  options.WebhookConfigurations,
		Service:  types.NamespacedName{Namespace: options.Namespace, Name: options.Service},
		Observer: b.report.Observer(),
	})
	b.report.Targets(options.WebhookConfigurations)
	if err != nil || !options.PublishTrustBundle {
		return b, err
	}
	b.publisher, err = b.newPublisher()
	return b, err
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
// it does nothing: whoever writes the files renews.
func (b *Bootstrapper) Renew() {
	select {
	case b.renewNow <- struct{}{}:
	default:
	}
	b.wake()
}

// Leaf is the certificate that is being served, nil before the first.
func (b *Bootstrapper) Leaf() *x509.Certificate {
	if pair := b.state.Pair(); pair != nil {
		return pair.Leaf()
	}
	return nil
}

// APIRequests is how many requests to the API server were made so far.
func (b *Bootstrapper) APIRequests() int64 { return b.requests.count.Load() }

// Served is closed when there is a first certificate to serve.
func (b *Bootstrapper) Served() <-chan struct{} { return b.served }

// Ready is closed when the server has become callable for the first time.
func (b *Bootstrapper) Ready() <-chan struct{} { return b.ready }

// Start runs until ctx ends and then returns nil. No failure of a certificate, a signer or the API server ends it.
func (b *Bootstrapper) Start(ctx context.Context) error {
	b.started = time.Now()
	ctx = named(ctx)
	b.readiness.begin(ctx)
	b.report.Start(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.injector.Run(ctx) })
	group.Go(func() error { return b.announce(ctx) })
	group.Go(func() error { return b.followClientAuth(ctx) })
	group.Go(func() error { return b.followSidecar(ctx) })
	group.Go(func() error { return b.runPublisher(ctx) })
	group.Go(func() error { return b.runSource(ctx, group) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// named is ctx with a logger of our name, which logs no bodies of API requests, at whatever verbosity.
func named(ctx context.Context) context.Context {
	return logcap.NewContext(klog.NewContext(ctx, klog.FromContext(ctx).WithName("bootstrap")))
}

// runSource feeds certificates to adopt until ctx ends.
func (b *Bootstrapper) runSource(ctx context.Context, group *errgroup.Group) error {
	if b.options.Source == SourceFiles {
		return b.runFiles(ctx)
	}
	source, err := b.openCSRSource(ctx)
	if err != nil {
		return err
	}
	group.Go(func() error { return source.follow(ctx) })
	if source.authority != nil {
		group.Go(func() error { return b.runAuthority(ctx, source.authority) })
	}
	return source.run(ctx)
}
