// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rollover takes a certificate from where it was issued to where it is served: its CA is published, clients
// come to trust it, and only then the server gets it, through a [Sink].
package rollover

import (
	"context"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Trust is what a rollover needs of a [trust.Injector].
type Trust interface {
	Publish(trust.PolicySource)
	Verify(chain []*x509.Certificate, serverName string, now time.Time) error
	WaitVerified(ctx context.Context, chain []*x509.Certificate, serverName string) error
}

// Issued is a key pair that is not served yet.
type Issued struct {
	Pair *serving.Pair
	// Policy has the CAs to publish for it, as they are whenever it is asked; nil if something else writes the caBundle.
	Policy trust.PolicySource
}

// Options configures a [Rollover]. All but Publisher are needed.
type Options struct {
	// ServerName is what clients verify a certificate for.
	ServerName string
	Trust      Trust
	// Publisher gets the same CAs as Trust.
	Publisher *trust.Publisher
	// State is what is served.
	State  *serving.State
	Sink   Sink
	Report *report.Reporter
}

// Rollover serves one certificate after the other. Its methods may be called by many goroutines, but for
// [Rollover.Roll] and [Rollover.RollTrusted], of which one may run at a time.
type Rollover struct {
	// Started is when the process began to look for a certificate. It is to be set before the first one is served.
	Started time.Time

	options Options
	source  atomic.Pointer[trust.PolicySource] // whose policy is published now
	served  chan struct{}
}

// New returns a rollover that has served nothing yet.
func New(o Options) *Rollover {
	return &Rollover{options: o, served: make(chan struct{})}
}

// Served is closed when there is a first certificate to serve.
func (r *Rollover) Served() <-chan struct{} { return r.served }

// Restore serves what is in the directory of the sink already. Details are for the log.
func (r *Rollover) Restore(ctx context.Context, pair *serving.Pair, details ...any) {
	r.options.State.Set(pair)
	r.announce(ctx, pair, true, r.Started, details...)
}

// announce says that pair is served. Connections that stand keep theirs; every new handshake gets this one. The first
// took as long as the start did, a later one since it was at hand.
func (r *Rollover) announce(
	ctx context.Context, pair *serving.Pair, first bool, began time.Time, details ...any,
) {
	if first {
		began = r.Started
	}
	leaf := pair.Leaf()
	r.options.Report.Served(leaf, first)
	details = append([]any{"certificate", pair, "notAfter", leaf.NotAfter}, details...)
	r.options.Report.Phase(ctx, report.PhaseServed, time.Since(began), details...)
	if first {
		close(r.served)
	}
}

// Publish has the caBundles follow source from now on, and looks at it again.
func (r *Rollover) Publish(source trust.PolicySource) {
	r.source.Store(&source)
	r.options.Trust.Publish(r)
	if r.options.Publisher != nil {
		r.options.Publisher.Publish(r)
	}
}

// TrustPolicy implements [trust.PolicySource]. While the certificate that is being served is signed by a CA that the
// policy leaves out, that CA stays, unless it is distrusted: old trust leaves last.
func (r *Rollover) TrustPolicy() trust.Policy {
	source := r.source.Load()
	if source == nil {
		return trust.Policy{}
	}
	policy := (*source).TrustPolicy()
	current, now := r.options.State.Pair(), time.Now()
	if !policy.Exact || current == nil || policy.Bundle.Verify(current.Chain(), r.options.ServerName, now) == nil {
		return policy
	}
	policy.Exact = false
	own := trust.NewBundle(current.CAs()...).Prune(now).WithoutFingerprints(policy.Distrusted)
	if own.Verify(current.Chain(), r.options.ServerName, now) == nil {
		policy.Bundle = policy.Bundle.Union(own)
	}
	return policy
}
