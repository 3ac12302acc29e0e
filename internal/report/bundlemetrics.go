// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// Field managers name themselves, so that their number has to be bounded here.
const (
	mostManagers   = 20
	managerUnknown = "unknown" // no manager can be named: to remove a field leaves no trace
	managerOther   = "other"   // one too many
)

// bundleMetrics count what the injector does.
type bundleMetrics struct {
	writes   *prometheus.CounterVec
	failures *prometheus.CounterVec
	heals    *prometheus.CounterVec
	foreign  *prometheus.GaugeVec
	waived   *prometheus.GaugeVec

	mu       sync.Mutex
	managers map[string]bool // those that have a label value of their own
}

func newBundleMetrics() *bundleMetrics {
	return &bundleMetrics{
		writes: counter("hookstrap_cabundle_writes_total",
			"Writes of a caBundle, by object and by what was there before: empty, garbage, differs, surplus, distrusted, "+
				"moved or ownership.",
			"kind", "name", "reason"),
		failures: counter("hookstrap_cabundle_write_failures_total",
			"Writes of a caBundle that the API server did not take, by object.", "kind", "name"),
		heals: counter("hookstrap_cabundle_heals_total",
			"Writes that repaired a caBundle that had been right, by object and by the field manager that had spoiled it.",
			"kind", "name", "manager"),
		foreign: gauges("hookstrap_webhook_entries_foreign",
			"Entries of webhook configurations that do not call our Service, by object, and by whether that is expected.",
			"kind", "name", "expected"),
		waived: gauges("hookstrap_target_waived",
			"1 while the API server no longer calls us through an object of --webhook-configuration, or without verifying us, "+
				"so that readiness does not wait for it, else 0.", "kind", "name"),
		managers: map[string]bool{},
	}
}

func (m *bundleMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.writes, m.failures, m.heals, m.foreign, m.waived}
}

func (m *bundleMetrics) wrote(w trust.Write) {
	kind, name := string(w.Target.Kind), w.Target.Name
	m.writes.WithLabelValues(kind, name, w.Reason).Inc()
	if w.Repairs > 0 {
		m.heals.WithLabelValues(kind, name, m.manager(w.Overwriter)).Inc()
	}
}

// manager is the label value for a field manager: its name, for the first few that come along.
func (m *bundleMetrics) manager(name string) string {
	if name == "" {
		return managerUnknown
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.managers[name] && len(m.managers) >= mostManagers {
		return managerOther
	}
	m.managers[name] = true
	return name
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}
