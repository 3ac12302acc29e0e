// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

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

// Measure adds the connections of a server to the metrics, under the server's name.
func (r *Reporter) Measure(server *lifecycle.Server) {
	m := r.metrics.connections
	m.mu.Lock()
	defer m.mu.Unlock()
	m.servers[server.Name()] = server
}
