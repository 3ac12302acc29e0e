// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/csr"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// podUID is that of the servers' Pod, which nobody has created: the API server does not look at what events are about.
const podUID = "00000000-0000-4000-8000-000000000000"

// withEvents are the options of a server that knows its Pod's UID.
func withEvents(t *testing.T, s *site.Site) bootstrap.Options {
	t.Helper()
	options := s.BootstrapOptions(t)
	options.PodUID = podUID
	return options
}

// eventsOf are the events about the server's Pod, as `kubectl describe pod` finds them, with that reason.
func eventsOf(ctx context.Context, s *site.Site, reason string) ([]corev1.Event, error) {
	list, err := s.Admin.CoreV1().Events(s.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": "hookstrap-0",
			"involvedObject.uid": podUID, "reason": reason}.String()})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// awaitEvent waits for exactly one event with the reason and returns it.
func awaitEvent(t *testing.T, s *site.Site, reason, kind string) corev1.Event {
	t.Helper()
	var event corev1.Event
	clustertest.Eventually(t, func(ctx context.Context) error {
		events, err := eventsOf(ctx, s, reason)
		if err != nil || len(events) != 1 {
			return fmt.Errorf("%d events %s, want 1: %w", len(events), reason, errOrNil(err))
		}
		event = events[0]
		return nil
	})
	if event.Type != kind || event.Source.Component != "hookstrap" || event.Source.Host != "hookstrap-0" {
		t.Errorf("event %s has type %s and source %v", reason, event.Type, event.Source)
	}
	return event
}

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

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestEventSaysThatARequestWasDenied: at once and not only when ready, which the server will never be.
func TestEventSaysThatARequestWasDenied(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := withEvents(t, s)
	options.SignerName, options.Approval = nobody, csr.ApproveExternal
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

// writeFiles writes them one after the other, and so under the same names in every error.
func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
}

// awaitCount waits until the one event with the reason has happened so often.
func awaitCount(t *testing.T, s *site.Site, reason string, want int32) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		events, err := eventsOf(ctx, s, reason)
		if err != nil || len(events) != 1 || events[0].Count != want {
			return fmt.Errorf("events %v, want one that has happened %d times: %w", events, want, errOrNil(err))
		}
		return nil
	})
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
	clustertest.Eventually(t, func(context.Context) error { // Served and renewed, each refused once.
		if n := tried.Load(); n != 2 {
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

// wantNoRight returns nil once the site's ServiceAccount may no longer write events.
func wantNoRight(ctx context.Context, t *testing.T, s *site.Site) error {
	t.Helper()
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Namespace: s.Namespace},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: s.Namespace}}
	client := mustClient(t, s.Config(t))
	_, err := client.CoreV1().Events(s.Namespace).Create(ctx, event, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		return fmt.Errorf("the ServiceAccount may still write events")
	}
	return nil
}
