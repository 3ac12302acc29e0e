// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	testingclock "k8s.io/utils/clock/testing"
)

// newInjector makes an injector which never runs: tests set its views themselves. Its clock stands at noon.
func newInjector(t testing.TB, targets ...Target) *Injector {
	t.Helper()
	client, err := dynamic.NewForConfig(&rest.Config{Host: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	i, err := NewInjector(InjectorOptions{
		Client: client, Targets: targets, Service: ourService(), Clock: testingclock.NewFakeClock(noon()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestNewInjectorRefuses(t *testing.T) {
	client, err := dynamic.NewForConfig(&rest.Config{Host: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	one := []Target{hookstrap()}
	for name, tc := range map[string]struct {
		opts InjectorOptions
		want string // part of the error; "" for none
	}{
		"nothing to do":   {InjectorOptions{}, ""},
		"complete":        {InjectorOptions{Client: client, Targets: one, Service: ourService()}, ""},
		"no client":       {InjectorOptions{Targets: one, Service: ourService()}, "no client"},
		"no service":      {InjectorOptions{Client: client, Targets: one}, "no complete Service"},
		"no namespace":    {InjectorOptions{Client: client, Targets: one, Service: types.NamespacedName{Name: "web"}}, "no complete Service"},
		"unknown kind":    {InjectorOptions{Client: client, Targets: []Target{{Name: "x"}}, Service: ourService()}, "unknown kind"},
		"no object's nam": {InjectorOptions{Client: client, Targets: []Target{{Kind: CRD}}, Service: ourService()}, "not a name"},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := NewInjector(tc.opts)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if (i == nil) != (err != nil) {
				t.Errorf("injector %v with error %v", i, err)
			}
		})
	}
}

func TestTargetGivenTwice(t *testing.T) {
	i := newInjector(t, hookstrap(), Target{CRD, "hookstrap"}, hookstrap())
	if got := len(i.Snapshot()); got != 2 {
		t.Errorf("%d targets, want 2: two workers on one object would race", got)
	}
}

func TestSnapshot(t *testing.T) {
	forbidden := errors.New("cannot be watched: grant this")
	read := func(obj *unstructured.Unstructured) func(*view) { return func(v *view) { v.set(obj) } }
	found := func(webhook, bundle, reason string) Entry {
		return Entry{Target: hookstrap(), Webhook: webhook, CABundle: []byte(bundle), Found: true, Reason: reason}
	}
	absent := func(reason string) []Entry { return []Entry{{Target: hookstrap(), Reason: reason}} }
	waived := func(reason string) []Entry { return []Entry{{Target: hookstrap(), Reason: reason, Waived: true}} }
	const title = `ValidatingWebhookConfiguration "hookstrap" `

	for name, tc := range map[string]struct {
		events []func(*view)
		want   []Entry
	}{
		"not read yet":   {nil, absent(title + "has not been read yet: waiting for the API server")},
		"not readable":   {[]func(*view){func(v *view) { v.setWatchErr(forbidden) }}, absent(forbidden.Error())},
		"does not exist": {[]func(*view){read(nil)}, absent(title + "does not exist yet: create it (kubectl apply -k manifests); waiting")},
		"no entry of ours": {[]func(*view){read(webhooks(t))}, absent(title + "has no entry that points at Service apps/web: " +
			"correct its clientConfig.service, or the service name and namespace given to us")},
		"entries": {[]func(*view){read(webhooks(t, []byte("a"), []byte("b")))}, []Entry{found("w0", "a", ""), found("w1", "b", "")}},
		"deleted": {[]func(*view){read(webhooks(t, []byte("a"))), func(v *view) { _ = v.Delete(nil) }},
			waived(title + "no longer exists, so that the API server does not call us through it: create it again, " +
				"or leave it out of our webhook configurations")},
		"watch broken since": {[]func(*view){read(webhooks(t, []byte("a"))), func(v *view) { v.setWatchErr(forbidden) }},
			[]Entry{found("w0", "a", forbidden.Error())}},
		"not writable": {[]func(*view){read(webhooks(t, []byte("a"))), func(v *view) { v.setWriteErr(errors.New("cannot")) }},
			[]Entry{found("w0", "a", "cannot")}},
		"listed, one": {[]func(*view){func(v *view) { _ = v.Replace([]any{webhooks(t, []byte("a"))}, "1") }},
			[]Entry{found("w0", "a", "")}},
		"listed, none": {[]func(*view){func(v *view) { _ = v.Replace(nil, "1") }},
			absent(title + "does not exist yet: create it (kubectl apply -k manifests); waiting")},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInjector(t, hookstrap())
			for _, event := range tc.events {
				event(i.views[0])
			}
			if diff := cmp.Diff(tc.want, i.Snapshot()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestInjectorVerify(t *testing.T) {
	ca, other := newCA(t, "our-ca", noon().Add(time.Hour)), newCA(t, "other-ca", noon().Add(time.Hour))
	chain := []*x509.Certificate{ca.leaf(t, nil)}
	good, bad := NewBundle(ca.cert).PEM(), NewBundle(other.cert).PEM()
	mutating := Target{Kind: Mutating, Name: "hookstrap"}

	for name, tc := range map[string]struct {
		validating, mutating [][]byte
		want                 []string // parts of the error; none for success
	}{
		"all good":                  {[][]byte{good, good}, [][]byte{good}, nil},
		"good beside others":        {[][]byte{append(bad, good...)}, [][]byte{good}, nil},
		"good beside garbage":       {[][]byte{append([]byte("-----BEGIN x\n"), good...)}, [][]byte{good}, nil},
		"one entry empty":           {[][]byte{good, nil}, [][]byte{good}, []string{`webhook "w1"`, "no certificate"}},
		"one entry wrong":           {[][]byte{bad, good}, [][]byte{good}, []string{`webhook "w0"`, "CN=other-ca", "CN=web.apps.svc"}},
		"second target wrong":       {[][]byte{good}, [][]byte{bad}, []string{`MutatingWebhookConfiguration "hookstrap"`}},
		"second target not for us":  {[][]byte{good}, [][]byte{}, []string{"has no entry that points at Service apps/web"}},
		"second target not created": {[][]byte{good}, nil, []string{"does not exist yet"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInjector(t, hookstrap(), mutating)
			i.views[0].set(webhooks(t, tc.validating...))
			i.views[1].set(nil)
			if tc.mutating != nil {
				i.views[1].set(webhooks(t, tc.mutating...))
			}
			err := i.Verify(chain, serverName, noon())
			if (err == nil) != (tc.want == nil) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestVerifyWithoutTargets(t *testing.T) {
	if err := newInjector(t).Verify(nil, serverName, noon()); err != nil {
		t.Errorf("nobody to ask, and yet: %v", err)
	}
}

func TestVerifySaysWhyNothingIsWritten(t *testing.T) {
	i := newInjector(t, hookstrap())
	i.views[0].set(webhooks(t, nil))
	i.views[0].setWriteErr(errors.New("grant us the verb patch"))
	chain := []*x509.Certificate{newCA(t, "our-ca", noon().Add(time.Hour)).leaf(t, nil)}
	if err := i.Verify(chain, serverName, noon()); err == nil || !strings.Contains(err.Error(), "grant us the verb patch") {
		t.Errorf("error %v does not say why the bundle is empty", err)
	}
}

func TestWaitVerified(t *testing.T) {
	ca := newCA(t, "our-ca", noon().Add(time.Hour))
	chain := []*x509.Certificate{ca.leaf(t, nil)}
	synctest.Test(t, func(t *testing.T) {
		i := newInjector(t, hookstrap())
		done := make(chan error, 1)
		go func() { done <- i.WaitVerified(t.Context(), chain, serverName) }()
		for _, obj := range []*unstructured.Unstructured{nil, webhooks(t, nil), webhooks(t, []byte("garbage"))} {
			i.views[0].set(obj)
			synctest.Wait()
			if len(done) > 0 {
				t.Fatalf("returned %v before the bundle is right", <-done)
			}
		}
		i.views[0].set(webhooks(t, NewBundle(ca.cert).PEM()))
		synctest.Wait()
		if len(done) == 0 {
			t.Fatal("did not notice that the bundle is right")
		}
		if err := <-done; err != nil {
			t.Errorf("error %v", err)
		}
	})
}

func TestWaitVerifiedSaysWhatWasWrong(t *testing.T) {
	cause := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	err := newInjector(t, hookstrap()).WaitVerified(ctx, nil, serverName)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "has not been read yet") {
		t.Errorf("error %v, want both the context's cause and the state", err)
	}
}

func TestPublishWakesOnlyForNews(t *testing.T) {
	a := NewBundle(newCA(t, "a", noon().Add(time.Hour)).cert)
	i := newInjector(t, hookstrap())
	for step, tc := range []struct {
		policy Policy
		news   bool
	}{
		{Policy{}, true}, {Policy{}, false}, {Policy{Bundle: a}, true}, {Policy{Bundle: NewBundle(a.Certificates()...)}, false},
		{Policy{Bundle: a, Exact: true}, true}, {Policy{Bundle: a}, true},
	} {
		changed := i.changes.next()
		i.Publish(tc.policy)
		woken := false
		select {
		case <-changed:
			woken = true
		default:
		}
		if woken != tc.news {
			t.Errorf("step %d: woken = %v, want %v", step, woken, tc.news)
		}
		if got, _ := i.goal.current(); got.Exact != tc.policy.Exact || !got.Bundle.Equal(tc.policy.Bundle) {
			t.Errorf("step %d: policy is %v", step, got)
		}
	}
}
