// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// answering is a connection to an API server that answers everything with one status.
type answering struct {
	status int
	mu     sync.Mutex
	asked  []string
}

// RoundTrip implements [http.RoundTripper].
func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.Path)
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {"text/plain"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(http.StatusText(a.status)))}, nil
}

func (a *answering) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// newTestedCSR is a source for a signer of another kind, which asks the connection.
func newTestedCSR(t *testing.T, a *answering) *CSR {
	t.Helper()
	o := newOptions(t, nil)
	cfg := &rest.Config{Host: "https://api.test", Transport: a}
	var err error
	o.Kubernetes, err = kubernetes.NewForConfig(cfg)
	check(t, err)
	o.Dynamic, err = dynamic.NewForConfig(cfg)
	check(t, err)
	o.Profile, err = signer.Lookup("example.com/serving")
	check(t, err)
	return &CSR{Options: o, cas: newFinder(o, nil)}
}

func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestWatchesBeginAfterTheStart: what can wait asks nothing of the API server for a second, and is not forgotten.
func TestWatchesBeginAfterTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a := &answering{status: http.StatusNotFound}
		s := newTestedCSR(t, a)
		ready := make(chan struct{})
		close(ready)
		s.Ready = ready
		ended := make(chan error, 1)
		go func() { ended <- s.follow(ctx) }()
		after(Calm - time.Millisecond)
		if n := a.count(); n > 0 {
			t.Errorf("%d requests within the first second", n)
		}
		after(time.Second)
		if a.count() == 0 {
			t.Error("nothing is watched")
		}
		cancel()
		<-ended
	})
}

// TestUnreadableCAsAreReadAgain: that no place could be read is no reason to renew; it is looked at again by itself.
func TestUnreadableCAsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestedCSR(t, &answering{status: http.StatusServiceUnavailable})
		if s.unverified(t.Context(), pairs.Lasting(t, time.Now(), time.Now().Add(time.Hour), []string{selfName})) {
			t.Error("the certificate is renewed, because the API server does not answer")
		}
		if s.Changed.Take() {
			t.Error("it is looked at again at once")
		}
		after(10 * time.Second)
		if !s.Changed.Take() {
			t.Error("it is not looked at again")
		}
	})
}

// TestLooksAgainOnceHoweverOftenThingsChange: while CAs cannot be read, each other change has us look at once. It does not
// add looks for later.
func TestLooksAgainOnceHoweverOftenThingsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestedCSR(t, &answering{status: http.StatusServiceUnavailable})
		pair := pairs.Lasting(t, time.Now(), time.Now().Add(time.Hour), []string{selfName})
		for range 20 {
			s.unverified(t.Context(), pair)
		}
		looks := 0
		for range 100 {
			after(100 * time.Millisecond)
			if s.Changed.Take() {
				looks++
			}
		}
		if looks != 1 {
			t.Errorf("it is looked at again %d times within 10 s, want once", looks)
		}
	})
}
