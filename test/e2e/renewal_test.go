// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// awaitAdmission waits until the API server can call its webhook: it hears of a new caBundle by a watch of its own, and
// so perhaps a moment after the server, or anyone who says that all is ready.
func awaitAdmission(t *testing.T, s *site.Site) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error { return s.Admit(ctx, site.GoodImage) })
}

// stream sends admissions through the API server, one after the other in each of its workers, until it is stopped.
type stream struct {
	stop     context.CancelFunc
	workers  sync.WaitGroup
	mu       sync.Mutex
	admitted int
	failed   []error
}

func startStream(t *testing.T, s *site.Site) *stream {
	t.Helper()
	awaitAdmission(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	load := &stream{stop: cancel}
	for range 4 {
		load.workers.Go(func() {
			for ctx.Err() == nil {
				load.count(ctx, s.Admit(context.WithoutCancel(ctx), site.GoodImage))
			}
		})
	}
	t.Cleanup(func() { cancel(); load.workers.Wait() })
	return load
}

func (l *stream) count(_ context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = append(l.failed, err)
		return
	}
	l.admitted++
}

// atLeast waits until n more admissions have been answered.
func (l *stream) atLeast(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	want := l.admitted + len(l.failed) + n
	l.mu.Unlock()
	clustertest.Eventually(t, func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if got := l.admitted + len(l.failed); got < want {
			return fmt.Errorf("%d admissions, want %d", got, want)
		}
		return nil
	})
}

// end stops the stream; every single admission must have succeeded.
func (l *stream) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.workers.Wait()
	if len(l.failed) > 0 {
		t.Errorf("%d of %d admissions failed, the first with: %v", len(l.failed), l.admitted+len(l.failed), l.failed[0])
	}
	t.Logf("%d admissions through the API server, %d failed", l.admitted, len(l.failed))
}

func TestRenewalLosesNoAdmission(t *testing.T) {
	t.Parallel()
	const renewals = 10
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	load := startStream(t, s)
	for range renewals {
		load.atLeast(t, 5)
		renew(t, server)
	}
	load.atLeast(t, 5)
	load.end(t)
	if got := len(requestsOf(t, s)); got != renewals+1 {
		t.Errorf("%d CertificateSigningRequests, want %d", got, renewals+1)
	}
}

// renew asks for a new certificate and waits until it is served.
func renew(t *testing.T, server *site.Server) {
	t.Helper()
	before := server.Leaf()
	server.Renew()
	clustertest.Eventually(t, func(context.Context) error {
		if server.Leaf().Equal(before) {
			return fmt.Errorf("still the certificate %s", before.SerialNumber)
		}
		return nil
	})
}

// TestRenewalIsNotTimedFromTheStart: the phase tells how long it took, not how long the process has been running.
func TestRenewalIsNotTimedFromTheStart(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Replicas(t, 1)[0]
	seconds := func(phase string) float64 { return server.Value(t, "hookstrap_bootstrap_phase_seconds", phase) }
	clustertest.Eventually(t, func(context.Context) error {
		if seconds("ready") == 0 {
			return errors.New("it has not said how long the start took")
		}
		return nil
	})
	first, asked := seconds("served"), time.Now()
	renew(t, server)
	clustertest.Eventually(t, func(context.Context) error {
		if seconds("served") == first {
			return errors.New("it has not said how long the renewal took")
		}
		return nil
	})
	if took, most := seconds("served"), time.Since(asked).Seconds(); took > most {
		t.Errorf("a renewal that was asked for %g s ago is said to have taken %g s", most, took)
	}
}

// TestFilesFromSomebodyElse: the kubelet's symlink swap brings a new leaf of a new CA, under a stream of admissions.
func TestFilesFromSomebodyElse(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	dir := filepath.Join(t.TempDir())
	write := func(ca *testCA) {
		certificate, key := ca.issue(t, "hookstrap."+s.Namespace+".svc")
		swapProjected(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": ca.pem()})
	}
	first, second := newTestCA(t, "first"), newTestCA(t, "second")
	write(first)
	options := s.BootstrapOptions(t)
	options.Source, options.CertDir = bootstrap.SourceFiles, dir
	server := s.Start(t, options)
	server.AwaitReady(t)
	load := startStream(t, s)
	load.atLeast(t, 5)
	write(second)
	clustertest.Eventually(t, func(context.Context) error { return server.Leaf().CheckSignatureFrom(second.certificate) })
	load.atLeast(t, 5)
	load.end(t)
	if got := len(requestsOf(t, s)); got != 0 {
		t.Errorf("%d CertificateSigningRequests, want none: somebody else issues", got)
	}
}

// TestFilesThatDoNotVerifyAreNotServed: a pair whose ca.crt is another CA's leaves everything as it was.
func TestFilesThatDoNotVerifyAreNotServed(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	dir := t.TempDir()
	good, other := newTestCA(t, "good"), newTestCA(t, "other")
	name := "hookstrap." + s.Namespace + ".svc"
	certificate, key := good.issue(t, name)
	swapProjected(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": good.pem()})
	options := s.BootstrapOptions(t)
	options.Source, options.CertDir = bootstrap.SourceFiles, dir
	server := s.Start(t, options)
	server.AwaitReady(t)
	bundle := string(liveBundle(t, s))
	certificate, key = good.issue(t, name)
	swapProjected(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": other.pem()})
	clustertest.Eventually(t, func(context.Context) error {
		if server.Failures(t) == 0 {
			return fmt.Errorf("nobody complained about the CA that does not verify")
		}
		return nil
	})
	if string(liveBundle(t, s)) != bundle {
		t.Error("the caBundle was changed")
	}
	wantAdmission(t, s)
}
