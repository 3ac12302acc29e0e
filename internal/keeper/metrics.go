// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// metrics count by kind and not by object, of which there may be thousands; the log names them.
type metrics struct {
	writes   *prometheus.CounterVec
	failures *prometheus.CounterVec
	objects  *prometheus.Desc
	count    func() map[[2]string]int
}

func newMetrics(count func() map[[2]string]int) *metrics {
	return &metrics{
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hookstrap_authority_cabundle_writes_total",
			Help: "Objects whose caBundles webhook authority has written, by what was there before: empty, garbage, " +
				"differs, surplus, moved or ownership."}, []string{"kind", "reason"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hookstrap_authority_cabundle_write_failures_total",
			Help: "Writes of caBundles by webhook authority that the API server did not take."}, []string{"kind"}),
		objects: prometheus.NewDesc("hookstrap_authority_cabundle_objects",
			"Objects that opt in to webhook authority, by state: kept, waiting for a CA, invalid annotation, or "+
				"failing writes.", []string{"kind", "state"}, nil),
		count: count,
	}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	m.writes.Describe(to)
	m.failures.Describe(to)
	to <- m.objects
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	m.writes.Collect(to)
	m.failures.Collect(to)
	for labels, n := range m.count() {
		to <- prometheus.MustNewConstMetric(m.objects, prometheus.GaugeValue, float64(n), labels[0], labels[1])
	}
}

func (m *metrics) observer() trust.Observer {
	return trust.Observer{
		Wrote:  func(w trust.Write) { m.writes.WithLabelValues(string(w.Target.Kind), w.Reason).Inc() },
		Failed: func(t trust.Target, _ error) { m.failures.WithLabelValues(string(t.Kind)).Inc() },
	}
}

// count is how many objects are in which state.
func (k *Keeper) count() map[[2]string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := map[[2]string]int{}
	for target, o := range k.objects {
		state := "kept"
		switch {
		case o.kept == nil:
			state = "invalid"
		case o.kept.Err() != nil:
			state = "failing"
		case k.sources[o.source].wanted.Empty():
			state = "waiting"
		}
		found[[2]string{string(target.Kind), state}]++
	}
	return found
}
