// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
)

// metrics are what a Handler counts. Every label has few values whatever callers send: the operation is one of the
// four that exist, the check one of those configured. There is no label for the resource, which callers can invent.
type metrics struct {
	requests *prometheus.CounterVec
	checks   *prometheus.CounterVec
	duration prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookstrap_admission_requests_total",
			Help: "Requests by decision (allowed, denied, error, invalid) and operation.",
		}, []string{"decision", "operation"}),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookstrap_admission_check_decisions_total",
			Help: "What each check said: allowed, denied, warned, audited or error.",
		}, []string{"check", "decision"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hookstrap_admission_duration_seconds",
			Help: "Time from the first byte of an admission review to the last byte of its answer.",
			Buckets: []float64{
				.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
			},
		}),
	}
	if registerer == nil {
		return m, nil
	}
	var errs [3]error
	m.requests, errs[0] = register(registerer, m.requests)
	m.checks, errs[1] = register(registerer, m.checks)
	m.duration, errs[2] = register(registerer, m.duration)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("cannot register the admission metrics; give the handler another Registerer: %w", err)
	}
	return m, nil
}

// register registers a collector, or returns the one of another handler that is registered already.
func register[C prometheus.Collector](registerer prometheus.Registerer, collector C) (C, error) {
	err := registerer.Register(collector)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	return collector, err
}

func (m *metrics) observeInvalid() {
	m.requests.WithLabelValues(string(decisionInvalid), "").Inc()
}

func (m *metrics) observeReview(operation admissionv1.Operation, d decision, took time.Duration) {
	switch operation {
	case admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect:
	default:
		operation = "other"
	}
	m.requests.WithLabelValues(string(d), string(operation)).Inc()
	m.duration.Observe(took.Seconds())
}

func (m *metrics) observeCheck(o *outcome) {
	if o.skipped {
		return
	}
	m.checks.WithLabelValues(o.entry.name, string(o.decision())).Inc()
}

// decision is what the check said, taken for itself.
func (o *outcome) decision() decision {
	switch {
	case o.err != nil:
		return decisionError
	case len(o.violations) == 0:
		return decisionAllowed
	case o.entry.mode == Warn:
		return decisionWarned
	case o.entry.mode == Audit:
		return decisionAudited
	}
	return decisionDenied
}
