// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

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
	metrics := http.NewServeMux()
	if o.Gatherer != nil {
		metrics.Handle("/metrics", promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{
			MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
		}))
	}
	p := &Probes{}
	for _, endpoint := range []struct {
		name, address string
		handler       http.Handler
	}{{"health", o.HealthAddress, health}, {"metrics", o.MetricsAddress, metrics}} {
		if endpoint.address == "" {
			continue
		}
		server, err := lifecycle.Listen(ctx, endpoint.name, endpoint.address, endpoint.handler)
		if err != nil {
			return nil, err
		}
		b.Measure(server)
		p.servers = append(p.servers, server)
	}
	return p, nil
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
