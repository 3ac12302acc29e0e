// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/csr"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/trust"
)

// metrics tell the story of the log in numbers. Expiry is a time, not a remainder: "expires in" is for the query to
// say, and stays right when the process hangs.
type metrics struct {
	phaseSeconds  *prometheus.GaugeVec
	failures      *prometheus.CounterVec
	writes        *prometheus.CounterVec
	writeFailures *prometheus.CounterVec
	renewals      prometheus.Counter
	leafNotBefore prometheus.Gauge
	leafNotAfter  prometheus.Gauge
	caNotAfter    prometheus.Gauge
	caSteps       *prometheus.CounterVec
}

// newMetrics registers everything with r; nil registers nothing. trusted is asked at every scrape.
func newMetrics(r prometheus.Registerer, trusted func() error) (*metrics, error) {
	m := &metrics{
		phaseSeconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "hookstrap_bootstrap_phase_seconds",
			Help: "How long the phase took when it was last run.",
		}, []string{"phase"}),
		failures: counter("hookstrap_bootstrap_failures_total", "Failed attempts, by task and outcome.", "task", "reason"),
		writes: counter("hookstrap_cabundle_writes_total", "Writes of a caBundle, by object and what was wrong with it.",
			"kind", "name", "reason"),
		writeFailures: counter("hookstrap_cabundle_write_failures_total", "Failed writes of a caBundle, by object.",
			"kind", "name"),
		renewals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hookstrap_certificate_renewals_total", Help: "Certificates that replaced an earlier one while serving."}),
		leafNotBefore: gauge("hookstrap_certificate_not_before_timestamp_seconds", "NotBefore of the leaf being served."),
		leafNotAfter:  gauge("hookstrap_certificate_not_after_timestamp_seconds", "NotAfter of the leaf being served."),
		caNotAfter:    gauge("hookstrap_ca_not_after_timestamp_seconds", "Latest NotAfter of the built-in signer's CAs."),
	}
	m.caSteps = counter("hookstrap_ca_steps_total", "Changes of the built-in signer's CA that this process has written.",
		"step")
	return m, m.register(r, trusted)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
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
	for _, c := range []prometheus.Collector{m.phaseSeconds, m.failures, m.writes, m.writeFailures, m.renewals,
		m.leafNotBefore, m.leafNotAfter, m.caNotAfter, m.caSteps, verified} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("registering the bootstrap metrics (one Bootstrapper a registry): %w", err)
		}
	}
	return nil
}

func (m *metrics) phase(name string, took time.Duration) {
	m.phaseSeconds.WithLabelValues(name).Set(took.Seconds())
}

// failure counts err by what it is, as far as that has a name of its own.
func (m *metrics) failure(task string, err error) {
	reason := "Error"
	if outcome, ok := csr.OutcomeOf(err); ok {
		reason = string(outcome)
	} else if errors.As(err, new(*unverifiedError)) {
		reason = "Unverified"
	}
	m.failures.WithLabelValues(task, reason).Inc()
}

func (m *metrics) serving(leaf *x509.Certificate, first bool) {
	m.leafNotBefore.Set(float64(leaf.NotBefore.Unix()))
	m.leafNotAfter.Set(float64(leaf.NotAfter.Unix()))
	if !first {
		m.renewals.Inc()
	}
}

func (m *metrics) authority(bundle trust.Bundle) {
	if !bundle.Empty() {
		m.caNotAfter.Set(float64(bundle.NotAfter().Unix()))
	}
}

func (m *metrics) caStep(name string) { m.caSteps.WithLabelValues(name).Inc() }

func (m *metrics) injectorObserver() trust.Observer {
	return trust.Observer{
		Wrote: func(w trust.Write) {
			m.writes.WithLabelValues(string(w.Target.Kind), w.Target.Name, w.Reason).Inc()
		},
		Failed: func(t trust.Target, _ error) {
			m.writeFailures.WithLabelValues(string(t.Kind), t.Name).Inc()
		},
	}
}
