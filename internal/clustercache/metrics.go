// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookstrap/hookstrap/internal/view"
)

// metrics are of what is kept.
type metrics struct {
	limit                   prometheus.Gauge
	bytes, objects, missing *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	byType := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hookstrap_cluster_cache_" + name, Help: help},
			[]string{"type"})
	}
	m := &metrics{
		limit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hookstrap_cluster_cache_limit_bytes",
			Help: "How much memory what checks read of the cluster may take in all; half of it for one namespace.",
		}),
		bytes:   byType("bytes", "About how much memory is taken by what checks read of the cluster."),
		objects: byType("objects", "Of how many objects something is kept for checks to read."),
		missing: byType("missing_objects", "How many objects are not kept although checks read them, because the memory for "+
			"that is used up. The checks that need them fail."),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.limit, m.bytes, m.objects, m.missing} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the metrics of what checks read (one Cache a registry): %w", err)
		}
	}
	return m, nil
}

func (m *metrics) set(what string, u view.Usage) {
	m.bytes.WithLabelValues(what).Set(float64(u.Bytes))
	m.objects.WithLabelValues(what).Set(float64(u.Objects))
	m.missing.WithLabelValues(what).Set(float64(u.Missing))
}

func (m *metrics) forget(what string) {
	for _, of := range []*prometheus.GaugeVec{m.bytes, m.objects, m.missing} {
		of.DeleteLabelValues(what)
	}
}
