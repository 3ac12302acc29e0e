// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/record"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// recorded runs do with a Bootstrapper whose events are kept, and returns their beginnings: type and reason.
func recorded(t *testing.T, do func(*Bootstrapper)) []string {
	t.Helper()
	m, err := newMetrics(nil, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	fake := record.NewFakeRecorder(100)
	b := &Bootstrapper{metrics: m, events: &events{
		sink:     eventSink{ctx: t.Context(), release: make(chan struct{})},
		recorder: fake,
		warned:   map[string]time.Time{},
	}}
	do(b)
	close(fake.Events)
	var said []string
	for event := range fake.Events {
		words := strings.SplitN(event, " ", 3)
		said = append(said, words[0]+" "+words[1])
	}
	return said
}

func TestWarningsAreNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		denied := &csr.OutcomeError{Outcome: csr.Denied}
		got := recorded(t, func(b *Bootstrapper) {
			for range 20 {
				b.failed(taskCertificate, denied)
			}
			b.failed(taskCertificate, &csr.OutcomeError{Outcome: csr.Failed}) // something else
			time.Sleep(warningInterval)                                       //nolint:forbidigo // synctest's clock
			b.failed(taskCertificate, denied)
			b.events.settled()
			b.failed(taskCertificate, denied)
		})
		want := []string{"Warning CertificateDenied", "Warning CertificateFailed", "Warning CertificateDenied", "Warning CertificateDenied"}
		if !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

func TestWhatIsAnEvent(t *testing.T) {
	other := errors.New("other")
	target := func(name string) trust.Write {
		return trust.Write{Target: trust.Target{Kind: trust.Validating, Name: name}}
	}
	for name, tc := range map[string]struct {
		do   func(*Bootstrapper)
		want []string
	}{
		"pending":      {func(b *Bootstrapper) { b.failed(taskWait, &csr.OutcomeError{Outcome: csr.Pending}) }, []string{"Warning CertificatePending"}},
		"no outcome":   {func(b *Bootstrapper) { b.failed(taskCertificate, other) }, []string{"Warning CertificateRequestFailed"}},
		"another task": {func(b *Bootstrapper) { b.failed(phaseIdentity, other) }, nil},
		"CA rotation":  {func(b *Bootstrapper) { b.rotated(authority.Step{Message: "100 % sure"}) }, []string{"Normal CARotation"}},
		"damaged CA":   {func(b *Bootstrapper) { b.rotated(authority.Step{Message: "restored", Damage: other}) }, []string{"Warning CARotation"}},
		"not trusted":  {func(b *Bootstrapper) { b.untrusted(other) }, []string{"Warning CertificateNotTrusted"}},
		"checks, and again": {func(b *Bootstrapper) {
			b.ChecksNotReloaded(other)
			b.ChecksNotReloaded(other)
			b.ChecksReloaded("abc")
			b.ChecksNotReloaded(other)
		}, []string{"Warning FilesNotReloaded", "Normal FilesReloaded", "Warning FilesNotReloaded"}},
		"cache, by type": {func(b *Bootstrapper) {
			b.ClusterCacheFull("one", other)
			b.ClusterCacheFull("two", other)
			b.ClusterCacheFull("one", other)
			b.ClusterCacheComplete("one")
			b.ClusterCacheFull("one", other)
		}, []string{"Warning ClusterCacheFull", "Warning ClusterCacheFull", "Normal ClusterCacheComplete", "Warning ClusterCacheFull"}},
		"own namespace, once": {func(b *Bootstrapper) {
			b.AskedAboutOwnNamespace(t.Context(), "pods")
			b.events.settled()
			b.AskedAboutOwnNamespace(t.Context(), "deployments")
		}, []string{"Warning OwnNamespaceNotExempt"}},
		"files, by kind": {func(b *Bootstrapper) {
			b.reloadFailed(reloadCA, other)
			b.reloadFailed(reloadCertificate, other)
			b.reloadFailed(reloadCA, other)
		}, []string{"Warning FilesNotReloaded", "Warning FilesNotReloaded"}},
		"fights, by object": {func(b *Bootstrapper) {
			b.injectorObserver().Fight(target("one"))
			b.injectorObserver().Fight(target("two"))
		}, []string{"Warning CABundleFoughtOver", "Warning CABundleFoughtOver"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := recorded(t, tc.do); !slices.Equal(got, tc.want) {
				t.Errorf("events %q, want %q", got, tc.want)
			}
		})
	}
}

// Nothing may depend on events: without a Pod, and before the start, they are nobody's trouble.
func TestNoPodNoEvents(t *testing.T) {
	e := newEvents(Environment{Namespace: "shop"}, nil)
	e.start(t.Context())
	e.normal(eventServed, "served")
	e.warning(eventNotTrusted, "", "not trusted")
	e.send()
	if e.recorder != nil {
		t.Error("there is a recorder without a Pod to be about")
	}
}
