// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package readiness says whether the API server can call us: conditions for a readiness endpoint, a handshake with the
// listener as the API server does it, and the moment in which all hold for the first time.
package readiness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookstrap/hookstrap/internal/fault"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/serving"
)

// Readiness judges the server. Its methods may be called by many goroutines.
type Readiness struct {
	options Options
	log     transitions
	// shared are the handshakes with the listener.
	shared shared[*serving.Pair]
	// own are our own handshakes, which are no clients'.
	own     handshakes
	sidecar sidecar
	// uncallable are the entries through which the API server cannot call us, while it can through others.
	uncallable uncallable
	// ready is closed when all conditions hold for the first time.
	ready chan struct{}
}

const handshakeCondition = "handshake"

// New returns the readiness of a server that was not started yet.
func New(o Options) *Readiness {
	r := &Readiness{options: o, log: transitions{made: time.Now()}, own: newHandshakes(o), ready: make(chan struct{})}
	r.shared.ask = r.own.handshake
	r.shared.answered = func(ctx context.Context, err error) { r.log.note(ctx, handshakeCondition, err) }
	return r
}

// Begin says that the server was started. What is logged from now on is logged to ctx.
func (r *Readiness) Begin(ctx context.Context) { r.log.begin(ctx) }

// Ready is closed when the server has become callable for the first time.
func (r *Readiness) Ready() <-chan struct{} { return r.ready }

// Own reports whether the address is one that a handshake of ours came from, and forgets it.
func (r *Readiness) Own(address string) bool { return r.own.addresses.take(address) }

// Conditions are what "ready" means, one line each for a readiness endpoint: a certificate that has not expired, the
// live caBundle of every object through which the API server calls us verifies it, the API server can call the port
// of the Service that those objects name, and a handshake with the listener, if we know where it is, succeeds with
// nothing but those caBundles.
func (r *Readiness) Conditions() []lifecycle.Condition {
	conditions := []lifecycle.Condition{
		{Name: "certificate", Check: func(context.Context) error { return r.certificate() },
			Note: r.options.Report.Files.Note},
		{Name: "trusted", Check: func(context.Context) error { return r.Trusted() }, Note: r.options.waived},
		{Name: "service", Check: func(context.Context) error { return r.service() }, Note: r.serviceNote},
	}
	if r.options.Address() != "" {
		conditions = append(conditions, lifecycle.Condition{Name: handshakeCondition, Note: r.sidecar.note,
			Check: func(ctx context.Context) error { return r.shared.get(ctx, r.options.State.Pair()) }})
	}
	for i := range conditions {
		conditions[i] = r.log.observed(identified(conditions[i]))
	}
	return conditions
}

// identified is a condition that says as webhook doctor does what is wrong: with the identifier.
func identified(c lifecycle.Condition) lifecycle.Condition {
	check := c.Check
	c.Check = func(ctx context.Context) error {
		err := check(ctx)
		if id := fault.Of(err, time.Now()); id != "" {
			return fmt.Errorf("%w%s", err, fault.Tag(id))
		}
		return err
	}
	return c
}

// certificate is nil while a certificate that has not expired is served.
func (r *Readiness) certificate() error {
	pair, problem := r.options.State.Pair(), &r.options.Report.Last
	switch {
	case pair == nil && r.log.begun() == nil:
		return problem.Or(errNotStarted)
	case pair == nil:
		return problem.Or(errors.New("no certificate yet: the bootstrap is under way"))
	}
	if expiry := pair.Leaf().NotAfter; time.Now().After(expiry) {
		return &fault.Error{ID: fault.Expired,
			Err: problem.Or(fmt.Errorf("the certificate expired at %s", expiry.Format(time.RFC3339)))}
	}
	return nil
}

// Trusted is nil while every live caBundle verifies what is served, and there is one.
func (r *Readiness) Trusted() error {
	pair := r.options.State.Pair()
	if pair == nil {
		return errors.New("there is no certificate to be trusted yet")
	}
	if err := r.options.Injector.Verify(pair.Chain(), r.options.ServerName, time.Now()); err != nil {
		return err
	}
	return r.options.Injector.Callable()
}

// service is nil while the API server can reach the ports of the Service that our entries name. All of them are waited
// for at the start, for two minutes. Later one is enough: no call comes through the others, and with no server ready
// none would come at all.
func (r *Readiness) service() error {
	if r.options.State.Pair() == nil {
		return errors.New("there is no certificate to be called with yet")
	}
	calls := r.options.Injector.Calls()
	reasons := r.options.Service.Uncallable(calls)
	if len(reasons) > 0 && (len(reasons) == len(calls) || r.log.starting()) {
		return errors.New(reasons[0])
	}
	r.uncallable.set(cmp.Or(r.log.begun(), context.Background()), reasons, r.options.Report.Uncallable)
	return nil
}

func (r *Readiness) serviceNote() string {
	if r.options.ExternalTrust {
		return ""
	}
	return cmp.Or(r.options.Service.Unread(), r.uncallable.note())
}
