// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/hookstrap/hookstrap/internal/bearer"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// A scrape gathers and encodes all metrics; those beyond the number get 503.
const (
	maxScrapes    = 4
	scrapeTimeout = 10 * time.Second
)

// ProbeOptions configures [Probes].
type ProbeOptions struct {
	// HealthAddress is the host:port of /healthz and /readyz, MetricsAddress that of /metrics; "" is none.
	HealthAddress, MetricsAddress string
	// MetricsSecure serves the metrics with our certificate, and to clients whose token has the right to them alone: see
	// [ServerOptions.MetricsSecure], and set it in Options.Server too, or the rights are missing from [Options.Rules].
	MetricsSecure bool
	// Conditions are what "ready" means besides [Bootstrapper.Conditions].
	Conditions []lifecycle.Condition
	// Gatherer has the metrics. It is needed with MetricsAddress.
	Gatherer prometheus.Gatherer
}

// Probes serve health and metrics, with bounds for what connections can cost, which a manager's own servers do not
// have: see [lifecycle.Server]. They are a manager's Runnable, and need no leader.
type Probes struct{ servers []*lifecycle.Server }

// ListenProbes binds the addresses, so that a port in use is known before anything else is done. Call [Probes.Start],
// or add what it returns to a manager.
func (b *Bootstrapper) ListenProbes(ctx context.Context, o ProbeOptions) (*Probes, error) {
	health := http.NewServeMux()
	health.Handle("/healthz", lifecycle.HealthzHandler())
	health.Handle("/readyz", lifecycle.WaitForFirst(b.Ready(),
		lifecycle.ReadyzHandler(append(b.Conditions(), o.Conditions...)...)))
	p := &Probes{}
	if err := p.listen(ctx, b, "health", o.HealthAddress, health, nil); err != nil {
		return nil, err
	}
	metrics, cfg, err := b.metrics(o)
	if err != nil {
		return nil, err
	}
	if err := p.listen(ctx, b, "metrics", o.MetricsAddress, metrics, cfg); err != nil {
		return nil, err
	}
	return p, nil
}

// listen binds an address, if there is one.
func (p *Probes) listen(
	ctx context.Context, b *Bootstrapper, name, address string, handler http.Handler, cfg *tls.Config,
) error {
	if address == "" {
		return nil
	}
	server, err := lifecycle.ListenTLS(ctx, name, address, handler, cfg)
	if err != nil {
		return err
	}
	b.Measure(server)
	p.servers = append(p.servers, server)
	return nil
}

// metrics is what serves /metrics, and with which TLS; nil is none.
func (b *Bootstrapper) metrics(o ProbeOptions) (http.Handler, *tls.Config, error) {
	mux := http.NewServeMux()
	if o.Gatherer != nil {
		mux.Handle("/metrics", promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{
			MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
		}))
	}
	if !o.MetricsSecure {
		return mux, nil, nil
	}
	client, err := b.reviewer()
	if err != nil {
		return nil, nil, err
	}
	return bearer.NewGate(client).Protect(mux), b.state.ConfigForAll(b.options.TLS), nil
}

// Start serves until ctx ends, and then returns nil. It is called once.
func (p *Probes) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, server := range p.servers {
		group.Go(func() error { return server.Serve(ctx) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("serving probes: %w", err)
	}
	return nil
}

// NeedLeaderElection is false.
func (p *Probes) NeedLeaderElection() bool { return false }
