// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto/x509"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// metrics tell the story of the log in numbers. Expiry is a time, not a remainder: "expires in" is for the query to
// say, and stays right when the process hangs. docs/metrics.md lists them for those who read dashboards.
type metrics struct {
	phaseSeconds  *prometheus.GaugeVec
	startRequests prometheus.Gauge
	failures      *prometheus.CounterVec
	reloadErrors  *prometheus.CounterVec
	renewals      prometheus.Counter
	leafNotBefore prometheus.Gauge
	leafNotAfter  prometheus.Gauge
	caNotAfter    prometheus.Gauge
	caSteps       *prometheus.CounterVec
	caForeign     prometheus.Gauge
	// sidecarOutdated is 0 without a sidecar.
	sidecarOutdated prometheus.Gauge
	uncallable      prometheus.Gauge
	inForce         prometheus.Gauge
	bundles         *bundleMetrics
	connections     *connectionMetrics
}

// newMetrics registers everything with r; nil registers nothing. trusted is asked at every scrape.
func newMetrics(r prometheus.Registerer, trusted func() error) (*metrics, error) {
	m := &metrics{
		phaseSeconds: gauges("hookstrap_bootstrap_phase_seconds",
			"How long each phase from start to ready took when it was last run, in seconds.", "phase"),
		startRequests: gauge("hookstrap_bootstrap_api_requests",
			"How many requests to the API server it took from start to ready; 0 until then."),
		failures: counter("hookstrap_bootstrap_failures_total",
			"Attempts that failed and are tried again, by what was attempted and why it failed.", "task", "reason"),
		reloadErrors: counter("hookstrap_reload_errors_total",
			"Times that files could not be read or used, while the last good ones kept serving, by what they hold.", "what"),
		renewals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hookstrap_certificate_renewals_total",
			Help: "Certificates that replaced an earlier one while serving."}),
		leafNotBefore: gauge("hookstrap_certificate_not_before_timestamp_seconds",
			"When the certificate being served became valid, as a Unix time; 0 before the first."),
		leafNotAfter: gauge("hookstrap_certificate_not_after_timestamp_seconds",
			"When the certificate being served expires, as a Unix time; 0 before the first."),
		caNotAfter: gauge("hookstrap_ca_not_after_timestamp_seconds",
			"When the CA with which the built-in signer signs expires, as a Unix time; 0 with any other signer."),
		caSteps: counter("hookstrap_ca_steps_total",
			"Changes of the built-in signer's CA that this process has written, by step.", "step"),
		caForeign: gauge("hookstrap_ca_foreign",
			"How many CAs in the built-in signer's Secret were not made by it: each is trusted, and one of them may sign."),
		sidecarOutdated: gauge("hookstrap_sidecar_outdated",
			"1 while the other container presents another certificate than the one stored for it half a minute ago or longer, "+
				"else 0; always 0 with webhook serve."),
		uncallable: gauge("hookstrap_entries_uncallable",
			"Through how many of our entries the API server cannot call the Service, so that readiness does not wait for them."),
		inForce: gauge("hookstrap_in_force",
			"1 while the ClusterRoleBinding of --in-force-binding lets the API server ask us, 0 while it does not or before "+
				"this replica is ready; always 1 without that flag."),
		bundles:     newBundleMetrics(),
		connections: newConnectionMetrics(),
	}
	for _, what := range allFiles() { // A counter that is there from the start lets a query see the first error.
		m.reloadErrors.WithLabelValues(what)
	}
	m.inForce.Set(1)
	return m, m.register(r, trusted)
}

func (m *metrics) register(r prometheus.Registerer, trusted func() error) error {
	if r == nil {
		return nil
	}
	verified := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hookstrap_certificate_trusted",
		Help: "1 while every live caBundle verifies the certificate being served, else 0.",
	}, func() float64 {
		if trusted() != nil {
			return 0
		}
		return 1
	})
	own := []prometheus.Collector{m.phaseSeconds, m.startRequests, m.failures, m.reloadErrors, m.renewals, m.leafNotBefore,
		m.leafNotAfter, m.caNotAfter, m.caSteps, m.caForeign, m.sidecarOutdated, m.uncallable, m.inForce, verified,
		m.connections}
	for _, c := range append(own, m.bundles.collectors()...) {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("registering the bootstrap metrics (one Bootstrapper a registry): %w", err)
		}
	}
	return nil
}

func (m *metrics) serving(leaf *x509.Certificate, first bool) {
	m.leafNotBefore.Set(float64(leaf.NotBefore.Unix()))
	m.leafNotAfter.Set(float64(leaf.NotAfter.Unix()))
	if !first {
		m.renewals.Inc()
	}
}

// connectionMetrics asks servers about their connections at every scrape.
type connectionMetrics struct {
	open, closed *prometheus.Desc

	mu      sync.Mutex
	servers map[string]*lifecycle.Server // by name
}

var _ prometheus.Collector = &connectionMetrics{}

func newConnectionMetrics() *connectionMetrics {
	return &connectionMetrics{
		open: prometheus.NewDesc("hookstrap_connections", "Connections that are open, by server.", []string{"server"}, nil),
		closed: prometheus.NewDesc("hookstrap_connections_closed_total",
			"Connections closed because a bound for them was reached, by server and by reason: handshake, idle, body, full or "+
				"flood.", []string{"server", "reason"}, nil),
		servers: map[string]*lifecycle.Server{},
	}
}

// Describe implements [prometheus.Collector].
func (m *connectionMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.open
	out <- m.closed
}

// Collect implements [prometheus.Collector].
func (m *connectionMetrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, server := range m.servers {
		out <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, float64(server.OpenConnections()), name)
		for reason, n := range server.ClosedConnections() {
			out <- prometheus.MustNewConstMetric(m.closed, prometheus.CounterValue, float64(n), name, reason)
		}
	}
}
