// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// newConversionMetrics makes those of conversions. Their labels are kinds and versions that the program has.
func newConversionMetrics() (*prometheus.CounterVec, *prometheus.HistogramVec) {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookstrap_conversion_objects_total",
			Help: "Objects by kind, versions and result (converted, failed), and requests that were refused.",
		}, []string{"kind", "from", "to", "result"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "hookstrap_conversion_duration_seconds",
			Help:    "Time that the conversion of one object takes.",
			Buckets: []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 30},
		}, []string{"kind"})
}

func (m *metrics) observeConversion(c *Conversion, from, to string, err error, took time.Duration) {
	result := "converted"
	if err != nil {
		result = "failed"
	}
	m.converted.WithLabelValues(c.Kind().String(), c.label(from), c.label(to), result).Inc()
	m.converting.WithLabelValues(c.Kind().String()).Observe(took.Seconds())
}

// label is a version that there is, or other.
func (c *Conversion) label(apiVersion string) string {
	if gv, err := schema.ParseGroupVersion(apiVersion); err == nil && gv.Group == c.hub.Group && c.New(gv.Version) != nil {
		return gv.Version
	}
	return other
}
