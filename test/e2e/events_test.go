// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestEventsTellOfTheCertificate with nothing but the rights that each of the installs gives.
func TestEventsTellOfTheCertificate(t *testing.T) {
	t.Parallel()
	for manifests, signerName := range map[string]string{
		"manifests": signer.BuiltIn, "manifests/overlays/kubelet-serving": signer.KubeletServing,
	} {
		t.Run(manifests, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{Manifests: manifests})
			options := withEvents(t, s)
			options.SignerName = signerName
			server := s.Start(t, options)
			server.AwaitReady(t)
			first := awaitEvent(t, s, "CertificateServed", corev1.EventTypeNormal)
			if serial := fmt.Sprintf("%x", server.Leaf().SerialNumber); !strings.Contains(first.Message, serial) {
				t.Errorf("the event does not name the serial number %s: %s", serial, first.Message)
			}
			renew(t, server)
			awaitEvent(t, s, "CertificateRenewed", corev1.EventTypeNormal)
		})
	}
}

// TestEventsComeAfterTheStart: nothing is written before the server is ready, so that a start costs no request more.
func TestEventsComeAfterTheStart(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	options := withEvents(t, s)
	var server atomic.Pointer[site.Server]
	var early atomic.Bool
	options.RESTConfig = intercept(options.RESTConfig, func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") && (server.Load() == nil || !isClosed(server.Load().Ready())) {
			early.Store(true)
		}
	})
	server.Store(s.Start(t, options))
	clustertest.Eventually(t, func(context.Context) error {
		if server.Load().Leaf() == nil {
			return errors.New("no certificate yet")
		}
		return nil
	})
	s.CreateConfiguration(t)
	awaitEvent(t, s, "CertificateServed", corev1.EventTypeNormal)
	if early.Load() {
		t.Error("an event was written before the server was ready")
	}
}

// TestEventSaysThatARequestWasDenied: at once and not only when ready, which the server will never be.
func TestEventSaysThatARequestWasDenied(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := withEvents(t, s)
	options.SignerName, options.Approval = unattendedSigner, csr.ApproveExternal
	s.Start(t, options)
	var name string
	clustertest.Eventually(t, func(context.Context) error {
		names := requestsOf(t, s)
		if len(names) == 0 {
			return fmt.Errorf("no request yet")
		}
		name = names[0]
		return nil
	})
	must(t, shared.Kubectl(t.Context(), "certificate", "deny", name).Run())
	if event := awaitEvent(t, s, "CertificateDenied", corev1.EventTypeWarning); !strings.Contains(event.Message, name) {
		t.Errorf("the event does not name the request %s: %s", name, event.Message)
	}
}

// TestEventSaysThatFilesAreBad: once each time that they become so, while the counter goes on and the old pair serves.
func TestEventSaysThatFilesAreBad(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	dir, ca := t.TempDir(), newTestCA(t, "ca")
	files := func() map[string][]byte {
		certificate, key := ca.issue(t, "hookstrap."+s.Namespace+".svc")
		return map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": ca.pem()}
	}
	bad := files()
	bad["tls.crt"] = []byte("garbage")
	writeFiles(t, dir, files())
	options := withEvents(t, s)
	options.Source, options.CertDir = bootstrap.SourceFiles, dir
	server := s.Start(t, options)
	server.AwaitReady(t)
	counted := func() float64 { return server.Value(t, "hookstrap_reload_errors_total", "certificate") }
	if n := counted(); n != 0 {
		t.Errorf("%g reload errors before anything went wrong", n)
	}
	for nth := range 2 {
		before := counted()
		writeFiles(t, dir, bad)
		awaitCount(t, s, "FilesNotReloaded", int32(nth+1)) // #nosec G115 -- 1 or 2.
		if counted() == before {
			t.Error("the reload error was not counted")
		}
		wantAdmission(t, s)
		old := server.Leaf()
		writeFiles(t, dir, files())
		clustertest.Eventually(t, func(context.Context) error {
			if server.Leaf().Equal(old) {
				return errors.New("the good pair is not served yet")
			}
			return nil
		})
	}
}

// TestEventsAreNotNeeded: without the right to write them everything works, and nothing is written.
func TestEventsAreNotNeeded(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	role := s.Role()
	role.Rules = slices.DeleteFunc(role.Rules, func(rule rbacv1.PolicyRule) bool { return slices.Contains(rule.Resources, "events") })
	if len(role.Rules) == len(s.Role().Rules) {
		t.Fatal("the shipped Role has no rule for events, so that this test proves nothing")
	}
	_, err := s.Admin.RbacV1().Roles(s.Namespace).Update(t.Context(), role, metav1.UpdateOptions{})
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error { return wantNoRight(ctx, t, s) })
	options := withEvents(t, s)
	var tried atomic.Int64
	options.RESTConfig = intercept(options.RESTConfig, func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			tried.Add(1)
		}
	})
	server := s.Start(t, options)
	server.AwaitReady(t)
	renew(t, server)
	clustertest.Eventually(t, func(context.Context) error { // A CA made, served and renewed, each refused once.
		if n := tried.Load(); n != 3 {
			return fmt.Errorf("%d attempts to write an event", n)
		}
		return nil
	})
	events, err := s.Admin.CoreV1().Events(s.Namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(events.Items) > 0 {
		t.Errorf("events without the right to write them: %v", events.Items)
	}
	if failures := server.Failures(t); failures > 0 {
		t.Errorf("%g failures were counted, want none: an event is nobody's task", failures)
	}
	wantAdmission(t, s)
}
