// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package rollover

import (
	"context"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/pairs"
)

const serverName = "web.shop.svc"

// clients are a [Trust] of which a test decides whether it verifies.
type clients struct {
	refuse atomic.Bool
}

var errUntrusted = errors.New("the live caBundle does not verify it")

func (c *clients) Publish(s trust.PolicySource) { s.TrustPolicy() }

func (c *clients) Verify([]*x509.Certificate, string, time.Time) error {
	if c.refuse.Load() {
		return errUntrusted
	}
	return nil
}

func (c *clients) WaitVerified(ctx context.Context, chain []*x509.Certificate, name string) error {
	for c.Verify(chain, name, time.Now()) != nil {
		if err := timing.Sleep(ctx, time.Second); err != nil {
			return errUntrusted
		}
	}
	return nil
}

// newRollover is one that serves current, nil for nothing.
func newRollover(t *testing.T, trusted *clients, current *serving.Pair) *Rollover {
	t.Helper()
	r, err := report.New(report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	state := &serving.State{}
	if current != nil {
		state.Set(current)
	}
	return New(Options{ServerName: serverName, Trust: trusted, State: state, Report: r,
		Sink: Memory{State: state, Report: r}})
}

// leaf is a pair of that lifetime from now on, signed by ca.
func leaf(t *testing.T, ca *serving.Pair, lifetime time.Duration) *serving.Pair {
	t.Helper()
	return within(t, ca, [2]time.Duration{0, lifetime})
}

// within is a pair that is valid from then until then, seen from now, signed by ca.
func within(t *testing.T, ca *serving.Pair, valid [2]time.Duration) *serving.Pair {
	t.Helper()
	return pairs.Sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{serverName},
		NotBefore: time.Now().Add(valid[0]), NotAfter: time.Now().Add(valid[1]),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca)
}

func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestOldTrustLeavesLast: a policy that would take away the trust in what is served gets its CA, unless it is
// distrusted, and is not exact: what replicas serve that have not heard of it stays as well.
func TestOldTrustLeavesLast(t *testing.T) {
	old, next := pairs.SelfSigned(t, "old"), pairs.SelfSigned(t, "next")
	for name, tc := range map[string]struct {
		policy trust.Policy
		served *serving.Pair
		exact  bool
		old    bool
	}{
		"of the same CA":    {trust.Policy{Bundle: trust.NewBundle(old.Leaf()), Exact: true}, leaf(t, old, time.Hour), true, true},
		"of another CA":     {trust.Policy{Bundle: trust.NewBundle(next.Leaf()), Exact: true}, leaf(t, old, time.Hour), false, true},
		"nothing is served": {trust.Policy{Bundle: trust.NewBundle(next.Leaf()), Exact: true}, nil, true, false},
		"distrusted": {trust.Policy{Bundle: trust.NewBundle(next.Leaf()), Exact: true,
			Distrusted: []string{trust.Fingerprint(old.Leaf())}}, leaf(t, old, time.Hour), false, false},
	} {
		r := newRollover(t, &clients{}, tc.served)
		r.Publish(tc.policy)
		got := r.TrustPolicy()
		if got.Exact != tc.exact || got.Bundle.Contains(old.Leaf()) != tc.old {
			t.Errorf("%s: exact %t with %s; want exact %t, the old CA in it %t", name, got.Exact, got.Bundle.Describe(),
				tc.exact, tc.old)
		}
	}
}

// TestAnUntrustedCertificateIsServedBeforeTheOldOneExpires, a minute before, and not sooner.
func TestAnUntrustedCertificateIsServedBeforeTheOldOneExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trusted := &clients{}
		trusted.refuse.Store(true)
		current := leaf(t, pairs.SelfSigned(t, "old"), 5*time.Minute)
		next := leaf(t, pairs.SelfSigned(t, "next"), time.Hour)
		r := newRollover(t, trusted, current)
		ended := make(chan error, 1)
		go func() { ended <- r.Roll(t.Context(), Issued{Pair: next}) }()
		after(4*time.Minute - time.Second)
		if !r.options.State.Pair().Equal(current) {
			t.Error("the new one is served although nothing trusts it and the old one is good")
		}
		after(2 * time.Second)
		if !r.options.State.Pair().Equal(next) {
			t.Fatal("the old one is still served although it is about to expire")
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestWhatIsTrustedIsServed of whichever CA, also if the old one has expired, or the new one is backdated so far that it
// is due for renewal. Nothing is said against it.
func TestWhatIsTrustedIsServed(t *testing.T) {
	for name, tc := range map[string]struct{ current, next [2]time.Duration }{ // from and until when they are valid
		"the old one has expired":     {[2]time.Duration{-time.Hour, -time.Second}, [2]time.Duration{0, time.Hour}},
		"it has less than a minute":   {[2]time.Duration{-time.Hour, time.Second}, [2]time.Duration{0, time.Hour}},
		"the new one was due already": {[2]time.Duration{-time.Hour, time.Hour}, [2]time.Duration{-95 * time.Hour, 5 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := within(t, pairs.SelfSigned(t, "next"), tc.next)
				r := newRollover(t, &clients{}, within(t, pairs.SelfSigned(t, "old"), tc.current))
				logs := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
				if err := r.Roll(klog.NewContext(t.Context(), logs), Issued{Pair: next}); err != nil {
					t.Fatal(err)
				}
				said := logs.GetSink().(ktesting.Underlier).GetBuffer().String()
				if !r.options.State.Pair().Equal(next) || strings.Contains(said, "does not verify") {
					t.Errorf("serving %s: %s", r.options.State.Pair(), said)
				}
			})
		})
	}
}

// TestTheSameCAIsNotTakenForTrusted: it may have been taken out of the live caBundle.
func TestTheSameCAIsNotTakenForTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trusted := &clients{}
		trusted.refuse.Store(true)
		ca := pairs.SelfSigned(t, "ca")
		current, next := leaf(t, ca, 30*time.Minute), leaf(t, ca, 40*time.Minute)
		r := newRollover(t, trusted, current)
		ended := make(chan error, 1)
		go func() { ended <- r.Roll(t.Context(), Issued{Pair: next}) }()
		after(time.Minute)
		if !r.options.State.Pair().Equal(current) {
			t.Fatal("the new one is served although the live caBundle does not verify it")
		}
		trusted.refuse.Store(false)
		after(10 * time.Second)
		if !r.options.State.Pair().Equal(next) {
			t.Fatal("the new one is trusted and not served")
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestRollTrustedWaitsWithTheFirst: a process that ends afterwards does not wait later; [Rollover.Roll]
// serves the first at once.
func TestRollTrustedWaitsWithTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trusted := &clients{}
		trusted.refuse.Store(true)
		next := leaf(t, pairs.SelfSigned(t, "ca"), time.Hour)
		r := newRollover(t, trusted, nil)
		if err := r.Roll(t.Context(), Issued{Pair: next}); err != nil || r.options.State.Pair() == nil {
			t.Errorf("there is nothing to lose, and Roll = %v", err)
		}
		r = newRollover(t, trusted, nil)
		ended := make(chan error, 1)
		go func() { ended <- r.RollTrusted(t.Context(), Issued{Pair: next}) }()
		after(time.Minute)
		if r.options.State.Pair() != nil {
			t.Error("it is served although nothing trusts it")
		}
		trusted.refuse.Store(false)
		if err := <-ended; err != nil || r.options.State.Pair() == nil {
			t.Errorf("trusted, and RollTrusted = %v", err)
		}
	})
}
