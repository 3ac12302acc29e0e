// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"k8s.io/client-go/tools/record"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// recorded runs do with a Reporter whose events are kept, and returns their beginnings: type and reason.
func recorded(t *testing.T, do func(*Reporter, *Notices)) []string {
	t.Helper()
	r, err := New(Options{Trusted: func() error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	fake := record.NewFakeRecorder(100)
	r.events = &events{
		sink:     eventSink{ctx: t.Context(), release: make(chan struct{})},
		recorder: fake,
		warned:   map[string]time.Time{},
	}
	do(r, NewNotices(r, "shop"))
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
		got := recorded(t, func(r *Reporter, _ *Notices) {
			for range 20 {
				r.Failed(TaskCertificate, denied)
			}
			r.Failed(TaskCertificate, &csr.OutcomeError{Outcome: csr.Failed}) // something else
			time.Sleep(warningInterval)                                       //nolint:forbidigo // synctest's clock
			r.Failed(TaskCertificate, denied)
			r.events.settled()
			r.Failed(TaskCertificate, denied)
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
		do   func(*Reporter, *Notices)
		want []string
	}{
		"pending":      {func(r *Reporter, _ *Notices) { r.Failed(TaskWait, &csr.OutcomeError{Outcome: csr.Pending}) }, []string{"Warning CertificatePending"}},
		"no outcome":   {func(r *Reporter, _ *Notices) { r.Failed(TaskCertificate, other) }, []string{"Warning CertificateRequestFailed"}},
		"another task": {func(r *Reporter, _ *Notices) { r.Failed(PhaseIdentity, other) }, nil},
		"CA rotation":  {func(r *Reporter, _ *Notices) { r.Authority().Step(authority.Step{Message: "100 % sure"}) }, []string{"Normal CARotation"}},
		"damaged CA":   {func(r *Reporter, _ *Notices) { r.Authority().Step(authority.Step{Message: "restored", Damage: other}) }, []string{"Warning CARotation"}},
		"not trusted":  {func(r *Reporter, _ *Notices) { r.Untrusted(other) }, []string{"Warning CertificateNotTrusted"}},
		"checks, and again": {func(_ *Reporter, n *Notices) {
			n.ChecksNotReloaded(other)
			n.ChecksNotReloaded(other)
			n.ChecksReloaded("abc")
			n.ChecksNotReloaded(other)
		}, []string{"Warning FilesNotReloaded", "Normal FilesReloaded", "Warning FilesNotReloaded"}},
		"cache, by type": {func(_ *Reporter, n *Notices) {
			n.ClusterCacheFull("one", other)
			n.ClusterCacheFull("two", other)
			n.ClusterCacheFull("one", other)
			n.ClusterCacheComplete("one")
			n.ClusterCacheFull("one", other)
		}, []string{"Warning ClusterCacheFull", "Warning ClusterCacheFull", "Normal ClusterCacheComplete", "Warning ClusterCacheFull"}},
		"checks deny": {func(_ *Reporter, n *Notices) {
			n.ChecksDeny("imageTag", "shop")
			n.ChecksDeny("imageTag", "attic")
		}, []string{"Normal CheckDenies", "Normal CheckDenies"}},
		"own namespace, once": {func(r *Reporter, n *Notices) {
			n.AskedAboutOwnNamespace(t.Context(), "pods")
			r.events.settled()
			n.AskedAboutOwnNamespace(t.Context(), "deployments")
		}, []string{"Warning OwnNamespaceNotExempt"}},
		"files, by kind": {func(r *Reporter, _ *Notices) {
			r.Files.Failed(FilesCA, other)
			r.Files.Failed(FilesCertificate, other)
			r.Files.Failed(FilesCA, other)
		}, []string{"Warning FilesNotReloaded", "Warning FilesNotReloaded"}},
		"fights, by object": {func(r *Reporter, _ *Notices) {
			r.Observer().Fight(target("one"))
			r.Observer().Fight(target("two"))
		}, []string{"Warning CABundleFoughtOver", "Warning CABundleFoughtOver"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := recorded(t, tc.do); !slices.Equal(got, tc.want) {
				t.Errorf("events %q, want %q", got, tc.want)
			}
		})
	}
}

// Nothing may depend on events: without a Pod, and before the start, they are no one's trouble.
func TestNoPodNoEvents(t *testing.T) {
	e := newEvents(corev1.ObjectReference{Namespace: "shop"}, nil)
	e.start(t.Context())
	e.normal(eventServed, "served")
	e.warning(eventNotTrusted, "", "not trusted")
	e.send()
	if e.recorder != nil {
		t.Error("there is a recorder without a Pod to be about")
	}
}
