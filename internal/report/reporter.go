// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report tells people what happens to the certificate: metrics, events of our Pod, and the last error for
// readiness. A [Reporter] has all of them; what is logged is for the caller to log, except where a function says so.
package report

import (
	"context"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// The phases from start to ready, beside those of package csr.
const (
	PhaseIdentity = "identity"
	PhaseServed   = "served"
	PhaseTrusted  = "trusted"
	PhaseReady    = "ready"
)

// Options configures a [Reporter].
type Options struct {
	// Registerer takes the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Trusted is asked at every scrape: nil while every live caBundle verifies what is served.
	Trusted func() error
	// Pod is what the events are about. Without a name there are none.
	Pod corev1.ObjectReference
	// Events writes them; nil writes none.
	Events typedcorev1.EventInterface
	// SharedConfigurations says that entries of other Services in a webhook configuration are expected.
	SharedConfigurations bool
	// CASecret is the name of the built-in signer's Secret.
	CASecret string
}

// Reporter has one method for each kind of news. Its methods may be called by many goroutines, and do not block.
type Reporter struct {
	// Last is the last error, for readiness.
	Last Problem
	// Files are those that cannot be used.
	Files Files
	// InForce is whether the API server asks about anything.
	InForce InForce

	options Options
	metrics *metrics
	events  *events
}

// New registers the metrics.
func New(o Options) (*Reporter, error) {
	m, err := newMetrics(o.Registerer, o.Trusted)
	if err != nil {
		return nil, err
	}
	r := &Reporter{options: o, metrics: m, events: newEvents(o.Pod, o.Events)}
	r.Files.reporter = r
	r.InForce.reporter = r
	return r, nil
}

// Start begins with the events, until ctx ends. They are held back until [Reporter.Ready] or the first warning, so that
// a start costs no request more.
func (r *Reporter) Start(ctx context.Context) { r.events.start(ctx) }

// Phase says that a step of the flow is done: one log line, which has its caller's place in the source, and one metric.
func (r *Reporter) Phase(ctx context.Context, name string, took time.Duration, keysAndValues ...any) {
	r.PhaseAt(ctx, 1, name, took, keysAndValues...)
}

// PhaseAt is Phase for a caller further up: depth is how many functions lie between it and this one.
func (r *Reporter) PhaseAt(ctx context.Context, depth int, name string, took time.Duration, keysAndValues ...any) {
	r.metrics.phaseSeconds.WithLabelValues(name).Set(took.Seconds())
	keysAndValues = append([]any{"phase", name, "took", took.Round(100 * time.Microsecond)}, keysAndValues...)
	klog.FromContext(ctx).WithCallDepth(depth+1).Info("Bootstrap phase done", keysAndValues...)
}

// Ready logs that the server can be called for the first time, and how many requests to the API server that took.
func (r *Reporter) Ready(ctx context.Context, took time.Duration, requests int64) {
	r.metrics.startRequests.Set(float64(requests))
	r.PhaseAt(ctx, 1, PhaseReady, took, "apiRequests", requests)
	r.events.send()
}

// Failed counts a failure of a task or a phase and keeps it for readiness. One that is about a request is an event as
// well.
func (r *Reporter) Failed(task string, err error) {
	r.Counted(task, err)
	r.Last.set(err)
	if task != TaskCertificate && task != TaskWait {
		return
	}
	reason := eventRequestFailed
	if outcome, ok := csr.OutcomeOf(err); ok {
		reason = eventRequest + string(outcome)
	}
	r.events.warning(reason, "", "The last good certificate, if there is one, keeps serving: %v", err)
}

// Counted only counts a failure, by what it is, as far as that has a name of its own.
func (r *Reporter) Counted(task string, err error) {
	r.metrics.failures.WithLabelValues(taskOf(task, err), reasonOf(err)).Inc()
}

// Served says which certificate is served from now on.
func (r *Reporter) Served(leaf *x509.Certificate, first bool) {
	r.metrics.serving(leaf, first)
	r.Last.clear()
	r.events.settled()
	reason := eventRenewed
	if first {
		reason = eventServed
	}
	r.events.normal(reason, "Serving the certificate with serial number %x until %s", leaf.SerialNumber,
		leaf.NotAfter.UTC().Format(time.RFC3339))
}

// Untrusted says that the certificate is served although the live caBundle does not verify it.
func (r *Reporter) Untrusted(err error) {
	r.events.warning(eventNotTrusted, "", "Serving a certificate that the API server does not trust yet: %v", err)
}

// Uncallable says through which entries the API server cannot call us while it can through others, if there are any.
func (r *Reporter) Uncallable(reasons []string) {
	r.metrics.uncallable.Set(float64(len(reasons)))
	if len(reasons) == 0 {
		r.events.over(eventEntryUncallable, "")
		return
	}
	r.events.warning(eventEntryUncallable, "", "Readiness does not wait for %s", reasons[0])
}

// Sidecar says why the other container presents another certificate than leaf, the one that is stored for it, and with
// nil that it presents that one again.
func (r *Reporter) Sidecar(leaf *x509.Certificate, reason error) {
	if reason != nil {
		r.metrics.sidecarOutdated.Set(1)
		r.events.warning(eventNotLoaded, "", "%v", reason)
		return
	}
	r.metrics.sidecarOutdated.Set(0)
	r.events.over(eventNotLoaded, "")
	r.events.normal(eventLoaded, "The other container has loaded the certificate with serial number %x", leaf.SerialNumber)
}

// Problem is the last error, which readiness gives as its reason; a success clears it.
type Problem struct {
	last atomic.Pointer[error]
}

func (p *Problem) set(err error) { p.last.Store(&err) }

// Keep sets the problem unless there is one: the error of an ended context says less than the one before.
func (p *Problem) Keep(err error) { p.last.CompareAndSwap(nil, &err) }

func (p *Problem) clear() { p.last.Store(nil) }

// Or returns the problem, or fallback if there is none.
func (p *Problem) Or(fallback error) error {
	if err := p.last.Load(); err != nil {
		return *err
	}
	return fallback
}

// Measure adds the connections of a server to the metrics, under the server's name.
func (r *Reporter) Measure(server *lifecycle.Server) {
	m := r.metrics.connections
	m.mu.Lock()
	defer m.mu.Unlock()
	m.servers[server.Name()] = server
}
