// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// TestWhatNeverExistedIsWaitedForTwoMinutes, if the API server calls us through another object; and from the moment at
// which it exists it counts.
func TestWhatNeverExistedIsWaitedForTwoMinutes(t *testing.T) {
	ca := newCA(t, "our-ca", noon().Add(time.Hour))
	chain := []*x509.Certificate{ca.leaf(t, nil)}
	good := NewBundle(ca.cert).PEM()
	fake := clocktesting.NewFakeClock(noon())
	i, err := NewInjector(InjectorOptions{Client: newInjector(t, hookstrap()).opts.Client, Service: ourService(), Clock: fake,
		Targets: []Target{hookstrap(), {Kind: Mutating, Name: "hookstrap"}}})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(want string) {
		t.Helper()
		err := i.Verify(chain, serverName, noon())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Verify says %v, want %q", err, want)
		}
	}
	i.views[0].set(nil)
	i.views[1].set(nil)
	fake.Step(time.Hour)
	verify("does not exist yet") // No other one calls us: all are waited for.
	i.views[0].set(webhooks(t, good))
	verify("")
	if reason := i.Waived()[i.views[1].target]; !strings.Contains(reason, "leave it out") {
		t.Errorf("waived because %q", reason)
	}
	i.views[1].set(webhooks(t, nil))
	verify(`webhook "w0"`)
	i.views[1].set(webhooks(t, good))
	verify("")
}

// TestOverdueIsAnnounced: who waits for trust is woken when the two minutes are over.
func TestOverdueIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan string, 1)
		ca := newCA(t, "our-ca", time.Now().Add(time.Hour))
		i, err := NewInjector(InjectorOptions{Client: newInjector(t, hookstrap()).opts.Client, Service: ourService(),
			Targets:  []Target{hookstrap(), {Kind: Mutating, Name: "hookstrap"}},
			Observer: Observer{Waived: func(_ Target, reason string) { told <- reason }}})
		if err != nil {
			t.Fatal(err)
		}
		i.views[0].set(webhooks(t, NewBundle(ca.cert).PEM()))
		i.views[1].set(nil)
		go i.tellWaived(ctx)
		began := time.Now()
		if err := i.WaitCarried(ctx, ca.cert); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != missingGrace {
			t.Errorf("it was waited for %s, want %s", took, missingGrace)
		}
		if reason := <-told; reason == "" {
			t.Error("it is not said")
		}
		cancel()
		synctest.Wait()
	})
}
