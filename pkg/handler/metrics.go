// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// metrics are what a Handler counts. Every label has few values whatever callers send: the operation is one of the
// four that exist, the check one of those configured, the resource one of Kubernetes' own or "other".
type metrics struct {
	requests   *prometheus.CounterVec
	checks     *prometheus.CounterVec
	exemptions *prometheus.CounterVec
	duration   prometheus.Histogram
	resources  map[schema.GroupResource]string
	answered   counters // of requests
}

// other is the value of a label for everything that has no value of its own.
const other = "other"

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookstrap_admission_requests_total",
			Help: "Requests by decision (allowed, denied, error, invalid), operation and resource.",
		}, []string{"decision", "operation", "resource"}),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookstrap_admission_check_decisions_total",
			Help: "What each check said: allowed, denied, warned, audited or error; of a mutation changed as well.",
		}, []string{"check", "mode", "decision", "operation", "resource"}),
		exemptions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hookstrap_admission_exemptions_total",
			Help: "Requests that an exemption kept from a check, wholly or in some of its containers, by what exempted them.",
		}, []string{"check", "by"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "hookstrap_admission_duration_seconds",
			Help: "Time from the first byte of an admission review to the last byte of its answer.",
			Buckets: []float64{
				.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
			},
		}),
		resources: knownResources(),
	}
	if registerer == nil {
		return m, nil
	}
	var errs [4]error
	m.requests, errs[0] = register(registerer, m.requests)
	m.checks, errs[1] = register(registerer, m.checks)
	m.duration, errs[2] = register(registerer, m.duration)
	m.exemptions, errs[3] = register(registerer, m.exemptions)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("cannot register the admission metrics; give the handler another Registerer: %w", err)
	}
	return m, nil
}

func (m *metrics) observeInvalid() {
	m.requests.WithLabelValues(string(decisionInvalid), "", "").Inc()
}

func (m *metrics) observeReview(req *Request, d decision, took time.Duration) {
	key := counterKey{decision: d, operation: operationLabel(req), resource: m.resourceLabel(req)}
	m.answered.get(key, func() prometheus.Counter {
		return m.requests.WithLabelValues(string(d), key.operation, key.resource)
	}).Inc()
	m.duration.Observe(took.Seconds())
}

func operationLabel(req *Request) string {
	switch operation := req.Operation; operation {
	case admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect:
		return string(operation)
	}
	return other
}

// resourceLabel is the resource and its group, without the version and the subresource.
func (m *metrics) resourceLabel(req *Request) string {
	if label, ok := m.resources[schema.GroupResource{Group: req.Resource.Group, Resource: req.Resource.Resource}]; ok {
		return label
	}
	return other
}

// knownResources are those of Kubernetes itself, with their label. Custom resources are not among them: a user who may
// create a CustomResourceDefinition could otherwise make as many series as they like.
func knownResources() map[schema.GroupResource]string {
	known := map[schema.GroupResource]string{}
	for kind := range scheme.Scheme.AllKnownTypes() {
		plural, _ := meta.UnsafeGuessKindToResource(kind)
		known[plural.GroupResource()] = plural.GroupResource().String()
	}
	return known
}

func (m *metrics) observeCheck(req *Request, o *outcome) {
	if o.exemptBy != "" {
		m.exemptions.WithLabelValues(o.entry.name, string(o.exemptBy)).Inc()
	}
	if o.skipped {
		return
	}
	key := counterKey{decision: o.decision(), operation: operationLabel(req), resource: m.resourceLabel(req)}
	o.entry.counters.get(key, func() prometheus.Counter {
		return m.checks.WithLabelValues(
			o.entry.name, string(o.entry.mode), string(key.decision), key.operation, key.resource)
	}).Inc()
}

// decision is what the check said, taken for itself.
func (o *outcome) decision() decision {
	switch {
	case o.err != nil:
		return decisionError
	case o.object != nil:
		return decisionChanged
	case len(o.violations) == 0 && len(o.advice) > 0:
		return decisionWarned
	case len(o.violations) == 0:
		return decisionAllowed
	case o.mode == Warn:
		return decisionWarned
	case o.mode == Audit:
		return decisionAudited
	}
	return decisionDenied
}

// register registers a collector, or returns the one of another handler that is registered already.
func register[C prometheus.Collector](registerer prometheus.Registerer, collector C) (C, error) {
	err := registerer.Register(collector)
	if already := (prometheus.AlreadyRegisteredError{}); errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	return collector, err
}
