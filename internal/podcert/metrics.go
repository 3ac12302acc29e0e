// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what becomes of requests.
type metrics struct {
	answered *prometheus.CounterVec
	failures prometheus.Counter
	seconds  prometheus.Histogram
}

// newMetrics registers everything with r; nil registers nothing. pending is asked at every scrape, as is caEnd: when
// the CA expires, as a Unix time.
func newMetrics(r prometheus.Registerer, pending, caEnd func() float64) (*metrics, error) {
	m := &metrics{
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookstrap_authority_requests_total",
			Help: "PodCertificateRequests and CertificateSigningRequests to which this replica has written an answer, by " +
				"outcome: issued, denied, or " +
				"conflict if another replica was faster."}, []string{"outcome"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hookstrap_authority_failures_total",
			Help: "Answers to requests for certificates that could not be written, and are tried again."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "hookstrap_authority_issue_seconds",
			Help:    "Seconds from the creation of a request, which is known to the second, to its certificate.",
			Buckets: []float64{0.5, 1, 2, 5, 10, 30, 60, 300}}),
	}
	for _, outcome := range []string{outcomeIssued, outcomeDenied, outcomeConflict} {
		m.answered.WithLabelValues(outcome)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.answered, m.failures, m.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "hookstrap_authority_pending",
			Help: "Requests of this signer that have no answer yet."}, pending),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "hookstrap_authority_ca_not_after_timestamp_seconds",
			Help: "When the CA that signs expires, as a Unix time; 0 while there is none."}, caEnd),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the metrics of the authority: %w", err)
		}
	}
	return m, nil
}

// The outcomes of an answer.
const (
	outcomeIssued   = "issued"
	outcomeDenied   = "denied"
	outcomeConflict = "conflict"
)
