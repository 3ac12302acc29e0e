// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// withClusterIP puts a Service that has cluster IPs in place of the site's. The API server then dials those, where the
// servers of these tests do not listen: their stream is of handshakes that verify as the API server does.
func withClusterIP(t *testing.T, s *site.Site, ips ...string) *corev1.Service {
	t.Helper()
	services := s.Admin.CoreV1().Services(s.Namespace)
	must(t, services.Delete(t.Context(), site.Service, metav1.DeleteOptions{}))
	service, err := services.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: site.Service},
		Spec: corev1.ServiceSpec{
			ClusterIPs: ips, ClusterIP: append(ips, "")[0],
			Ports: []corev1.ServicePort{{Port: int32(s.Port)}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	return service
}

// startHandshakes shakes hands with the server, verified with the live caBundle, until the stream ends.
func startHandshakes(t *testing.T, s *site.Site) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	load := &stream{stop: cancel}
	for range 2 {
		load.workers.Go(func() {
			for ctx.Err() == nil {
				load.count(ctx, shakeHands(context.WithoutCancel(ctx), s))
			}
		})
	}
	t.Cleanup(func() { cancel(); load.workers.Wait() })
	return load
}

func shakeHands(ctx context.Context, s *site.Site) error {
	live, err := s.LiveConfiguration(ctx)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(live.Webhooks[0].ClientConfig.CABundle)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: site.Service + "." + s.Namespace + ".svc"}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)))
	if err != nil {
		return err
	}
	return conn.Close()
}

// awaitNames waits until what is served is valid for all of the names and addresses.
func awaitNames(t *testing.T, server *site.Server, names ...string) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		var faults []error
		for _, name := range names {
			faults = append(faults, server.Leaf().VerifyHostname(name))
		}
		return errors.Join(faults...)
	})
}

// TestServiceIsRecreated: it has another cluster IP, which the next certificate has too, at once.
func TestServiceIsRecreated(t *testing.T) {
	for name, options := range map[string]struct{ manifests, signer string }{
		"built-in":        {"manifests", signer.BuiltIn},
		"kubelet-serving": {"manifests/overlays/kubelet-serving", signer.KubeletServing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{Manifests: options.manifests})
			before := withClusterIP(t, s).Spec.ClusterIP
			o := s.BootstrapOptions(t)
			o.SignerName = options.signer
			server := s.Start(t, o)
			server.AwaitReady(t)
			must(t, server.Leaf().VerifyHostname(before))
			load := startHandshakes(t, s)
			load.atLeast(t, 5)

			after := withClusterIP(t, s).Spec.ClusterIP
			if after == before {
				t.Fatalf("the Service got %s again", after)
			}
			awaitNames(t, server, after, "hookstrap."+s.Namespace+".svc", "10.244.0.7")
			if server.Leaf().VerifyHostname(before) == nil {
				t.Errorf("the certificate still has the address %s, which may be another Service's by now", before)
			}
			load.atLeast(t, 5)
			load.end(t)
			if got := len(requestsOf(t, s)); got != 2 {
				t.Errorf("%d CertificateSigningRequests, want 2", got)
			}
		})
	}
}

// TestServiceBecomesDualStack: the second cluster IP comes to a Service, and to the certificates of all its replicas.
func TestServiceBecomesDualStack(t *testing.T) {
	t.Parallel()
	c := clustertest.StartWith(t, cluster.Options{APIServerArgs: map[string][]string{
		"service-cluster-ip-range": {"127.96.0.0/16,fd00:96::/112"}}})
	s := site.New(t, c, site.Options{})
	service := withClusterIP(t, s)
	servers := make([]*site.Server, 3)
	for i := range servers {
		options := s.BootstrapOptions(t)
		if i > 0 {
			options.SelfAddress = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
		}
		servers[i] = s.Start(t, options)
	}
	for _, server := range servers {
		server.AwaitReady(t)
	}
	load := startHandshakes(t, s)
	load.atLeast(t, 5)

	service.Spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack)
	service, err := s.Admin.CoreV1().Services(s.Namespace).Update(t.Context(), service, metav1.UpdateOptions{})
	must(t, err)
	if len(service.Spec.ClusterIPs) != 2 {
		t.Fatalf("the Service has the cluster IPs %v, want two", service.Spec.ClusterIPs)
	}
	for _, server := range servers {
		awaitNames(t, server, service.Spec.ClusterIPs...)
		if got := server.Failures(t); got > 0 {
			t.Errorf("%g failures, want none", got)
		}
	}
	load.atLeast(t, 5)
	load.end(t)
}

// TestServiceThatIsNotWatched: with no right to watch the Service, everything else works.
func TestServiceThatIsNotWatched(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	role := s.Role()
	for i, rule := range role.Rules {
		if rule.Resources[0] == "services" {
			role.Rules[i].Verbs = []string{"get"}
		}
	}
	_, err := s.Admin.RbacV1().Roles(s.Namespace).Update(t.Context(), role, metav1.UpdateOptions{})
	must(t, err)
	ip := withClusterIP(t, s).Spec.ClusterIP
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	must(t, server.Leaf().VerifyHostname(ip))
	next := withClusterIP(t, s).Spec.ClusterIP
	renew(t, server)
	if server.Leaf().VerifyHostname(next) == nil {
		t.Errorf("the certificate has %s, which the server cannot know: the rules allow more than this test thinks", next)
	}
	// The right is given, and what was missed is made up for.
	role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services"},
		ResourceNames: []string{site.Service}, Verbs: []string{"list", "watch"}})
	_, err = s.Admin.RbacV1().Roles(s.Namespace).Update(t.Context(), role, metav1.UpdateOptions{})
	must(t, err)
	awaitNames(t, server, next)
}
