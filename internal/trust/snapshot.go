// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Snapshot returns the live entries of all targets, from the watch and without a request. A target without an entry
// of ours gives one that is not Found.
func (i *Injector) Snapshot() []Entry {
	all := make([][]Entry, len(i.views))
	called := false // by another object
	for n, v := range i.views {
		all[n] = i.scope(v.target).entries(v.get())
		called = called || all[n][0].Found
	}
	for n, v := range i.views {
		if e, found := v.overdue(); found && called {
			all[n] = []Entry{e}
		}
	}
	return slices.Concat(all...)
}

func (s scope) entries(known state) []Entry {
	var ours []slot
	if known.live != nil {
		ours = s.slots(known.live)
	}
	if e, found := s.waived(known); found {
		return []Entry{e}
	}
	if reason := missing(s.target, s.service, known, len(ours)); reason != "" {
		return []Entry{{Target: s.target, Reason: reason, Waived: known.called}}
	}
	entries := make([]Entry, 0, len(ours))
	for _, o := range ours {
		e := Entry{Target: s.target, Webhook: o.webhook, CABundle: slices.Clone(o.bundle), Name: o.name, Found: true}
		if err := errors.Join(known.writeErr, known.watchErr); err != nil {
			e.Reason = err.Error()
		}
		entries = append(entries, e)
	}
	return entries
}

// Verify checks a serving certificate against the live bundle of every entry, as the API server would at now, and
// returns an error for the first which does not trust it: an entry which is missing trusts no certificate, unless it
// is waived. With no targets there is nothing to ask, and the answer is nil. The arguments are those of
// [Bundle.Verify]; an entry that calls another of our names is verified for that one.
func (i *Injector) Verify(chain []*x509.Certificate, serverName string, now time.Time) error {
	for _, e := range i.Snapshot() {
		if err := e.verify(chain, serverName, now); err != nil {
			return err
		}
	}
	return nil
}

// Carries returns nil when the live bundle of every entry that is not waived has ca, and an error for the first which
// has not. With no targets there is nothing to ask, and the answer is nil.
func (i *Injector) Carries(ca *x509.Certificate) error {
	for _, e := range i.Snapshot() {
		bundle, _ := i.parsed.parse(e.CABundle) // As in verify.
		switch {
		case e.Waived:
		case !e.Found:
			return errors.New(e.Reason)
		case !bundle.Contains(ca):
			return fmt.Errorf("%s does not carry the CA %s yet", e.where(), DescribeCertificate(ca))
		}
	}
	return nil
}

// WaitCarried returns nil as soon as [Injector.Carries] does, and an error when ctx ends first.
func (i *Injector) WaitCarried(ctx context.Context, ca *x509.Certificate) error {
	return i.wait(ctx, "waiting for the CA in the live caBundle", func() error { return i.Carries(ca) })
}

// WaitVerified returns nil as soon as [Injector.Verify] does. It looks when an event of a watch comes, not on a
// timer. When ctx ends first, the error is the context's and says what was still wrong.
func (i *Injector) WaitVerified(ctx context.Context, chain []*x509.Certificate, serverName string) error {
	return i.wait(ctx, "waiting for the API server to trust the serving certificate", func() error {
		return i.Verify(chain, serverName, i.opts.Clock.Now())
	})
}

// wait returns nil as soon as check does. It asks again when something has changed.
func (i *Injector) wait(ctx context.Context, what string, check func() error) error {
	for {
		changed, began := i.changes.next(), time.Now()
		err := check()
		if err == nil {
			return nil
		}
		spare(ctx, time.Since(began))
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, context.Cause(ctx), err)
		}
	}
}
