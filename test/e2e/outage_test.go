// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// recovery is how long a server may take to come back after an outage: its retries are up to half a minute apart then.
const recovery = 1 * time.Minute

// TestAPIServerOutage takes the API server away from three servers at once: one is ready and is asked to renew, one
// waits for the approval of its request, and one has not even started. No one starts any of them again.
func TestAPIServerOutage(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t)
	ready, pending, late := site.New(t, c, site.Options{}), site.New(t, c, site.Options{}), site.New(t, c, site.Options{})
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := startProcess(t, ready, ready.Config(t), "--health-probe-bind-address="+health)
	awaitPhase(t, server, "ready", 1)
	bundle := liveBundle(t, ready)
	first := direct{site: ready, bundle: bundle}.leaf(t)

	external := pending.BootstrapOptions(t)
	external.Approval = csr.ApproveExternal
	waiting := pending.Start(t, external)
	request := onlyRequest(t, pending)
	lateOptions := late.BootstrapOptions(t)

	must(t, c.StopAPIServer())
	starting := late.Start(t, lateOptions)
	must(t, server.Signal(syscall.SIGHUP))
	clustertest.Eventually(t, func(context.Context) error { return inVain(t, server, starting, 3) })
	wantServing(t, direct{site: ready, bundle: bundle}, health)
	if now := (direct{site: ready, bundle: bundle}).leaf(t); !now.Equal(first) {
		t.Error("the certificate was replaced while there was no API server to trust another one")
	}
	must(t, c.StartAPIServer(t.Context()))

	approve(t, pending, request)
	waitReady(t, pending, waiting)
	waitReady(t, late, starting)
	awaitPhase(t, server, "served", 2)
	if now := (direct{site: ready, bundle: bundle}).leaf(t); now.Equal(first) {
		t.Error("the certificate was not renewed after the outage")
	}
	wantAdmission(t, ready)
}

// inVain wants both servers to have tried n times: one to renew, the other to start.
func inVain(t *testing.T, renewing *process.Server, starting *site.Server, n int) error {
	t.Helper()
	renewals, starts := strings.Count(renewing.Log(), `"Will try again"`), starting.Failures(t)
	if renewals < n || starts < float64(n) {
		return fmt.Errorf("the renewal has failed %d times and the start %g times, want %d", renewals, starts, n)
	}
	return nil
}

// wantServing: without an API server the checks are answered, and both probes are good.
func wantServing(t *testing.T, d direct, health string) {
	t.Helper()
	if allowed, message := d.review(t, site.GoodImage); !allowed {
		t.Errorf("a good Pod was denied: %s", message)
	}
	if allowed, message := d.review(t, site.BadImage); allowed || !strings.Contains(message, site.BadImage) {
		t.Errorf("a bad Pod: allowed %t, message %q", allowed, message)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, "http://"+health+path); status != 200 {
			t.Errorf("%s says %d: %s", path, status, body)
		}
	}
}

// waitReady: the server becomes ready by itself, and the API server can call it.
func waitReady(t *testing.T, s *site.Site, server *site.Server) {
	t.Helper()
	select {
	case <-server.Ready():
	case <-time.After(recovery):
		t.Fatalf("not ready: %v", server.Readyz(request(t)))
	}
	wantAdmission(t, s)
}

// onlyRequest waits for the site's one request and returns its name.
func onlyRequest(t *testing.T, s *site.Site) string {
	t.Helper()
	var names []string
	clustertest.Eventually(t, func(context.Context) error {
		if names = requestsOf(t, s); len(names) != 1 {
			return fmt.Errorf("%d requests, want 1", len(names))
		}
		return nil
	})
	return names[0]
}

// approve does what `kubectl certificate approve` does.
func approve(t *testing.T, s *site.Site, name string) {
	t.Helper()
	requests := s.Admin.CertificatesV1().CertificateSigningRequests()
	obj, err := requests.Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	obj.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "by a test"}}
	_, err = requests.UpdateApproval(t.Context(), name, obj, metav1.UpdateOptions{})
	must(t, err)
}

// TestBundleCannotBeWritten: the write of the caBundle fails for a while, or succeeds without anybody hearing of it.
func TestBundleCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, at := range []moment{beforeIt, afterIt} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			p := newProxy(t, shared.Config())
			var refused atomic.Int32
			p.intervene(func(write string, now moment) bool {
				if now != at || write != "PATCH validatingwebhookconfigurations" {
					return false
				}
				refused.Add(1)
				return true
			})
			options := s.BootstrapOptions(t)
			options.RESTConfig = p.config(options.RESTConfig)
			server := s.Start(t, options)
			if at == beforeIt {
				clustertest.Eventually(t, func(context.Context) error { return twice(&refused) })
				if err := server.Readyz(request(t)); err == nil || !strings.Contains(err.Error(), s.Configuration) {
					t.Errorf("ready says %v, want the name of the configuration", err)
				}
				p.intervene(nil)
			}
			waitReady(t, s, server)
		})
	}
}

// twice: a write that fails is tried again.
func twice(refused *atomic.Int32) error {
	if got := refused.Load(); got < 2 {
		return fmt.Errorf("the caBundle was tried to be written %d times, want twice", got)
	}
	return nil
}

// TestEtcdComesBackEmpty: everything in the cluster is gone, and is installed again. The server that has run all along
// puts its CA back, with which everything that it ever published is still trusted.
func TestEtcdComesBackEmpty(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t)
	s := site.New(t, c, site.Options{})
	options := s.BootstrapOptions(t)
	token := newFreshToken(t, s)
	options.RESTConfig = token.config()
	server := s.Start(t, options)
	server.AwaitReady(t)
	bundle, leaf := liveBundle(t, s), server.Leaf()

	must(t, c.Wipe(t.Context()))
	if allowed, message := (direct{site: s, bundle: bundle}).review(t, site.GoodImage); !allowed {
		t.Errorf("a good Pod was denied without a cluster: %s", message)
	}
	s.Reinstall(t)
	token.refresh(t)
	began := time.Now()
	clustertest.EventuallyWithin(t, recovery, func(context.Context) error {
		return errors.Join(healed(t, s, bundle), server.Readyz(request(t)))
	})
	t.Logf("ready again %s after the installation", time.Since(began).Round(time.Millisecond))
	wantAdmission(t, s)
	clustertest.EventuallyWithin(t, recovery, func(ctx context.Context) error { return (&mortal{Site: s}).trusts(ctx, 1) })
	if !server.Leaf().Equal(leaf) {
		t.Error("another certificate is served, although the old one is good")
	}
	renew(t, server)
	wantAdmission(t, s)
}

func healed(t *testing.T, s *site.Site, good []byte) error {
	t.Helper()
	if now := liveBundle(t, s); !bytes.Equal(now, good) {
		return fmt.Errorf("the caBundle has %d bytes, not those from before", len(now))
	}
	return nil
}

// freshToken authenticates each request with the site's token of the moment, as a pod whose kubelet keeps it fresh. It
// is not read from a file: client-go looks at a file once a minute, which would be most of the test's time.
type freshToken struct {
	site    *site.Site
	current atomic.Pointer[string]
}

func newFreshToken(t *testing.T, s *site.Site) *freshToken {
	t.Helper()
	f := &freshToken{site: s}
	f.refresh(t)
	return f
}

func (f *freshToken) refresh(t *testing.T) {
	t.Helper()
	token := f.site.Config(t).BearerToken
	f.current.Store(&token)
}

func (f *freshToken) config() *rest.Config {
	cfg := rest.AnonymousClientConfig(f.site.Cluster.Config())
	return intercept(cfg, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+*f.current.Load()) })
}

// address is where the site's server listens.
func address(s *site.Site) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }
