// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// binary compiles the server once for all tests of this package; it goes away with the shared cluster's directory.
var binary = sync.OnceValues(func() (string, error) {
	return process.Build(context.Background(), site.Root(), shared.Dir())
})

// mortal is a site whose server runs as a process behind a proxy, so that it can be killed at any write.
type mortal struct {
	*site.Site

	proxy *proxy
	// directory is the server's --cert-dir.
	directory string
}

func newMortal(t *testing.T, shipped *site.Shipped) *mortal {
	t.Helper()
	s := site.New(t, shared, site.Options{Shipped: shipped})
	return &mortal{Site: s, proxy: newProxy(t, shared.Config()), directory: filepath.Join(t.TempDir(), "serving")}
}

// start runs the server through the proxy, with --cert-dir or without.
func (m *mortal) start(t *testing.T, keep bool, flags ...string) *process.Server {
	t.Helper()
	if keep {
		flags = append(flags, "--cert-dir="+m.directory)
	}
	return startProcess(t, m.Site, m.proxy.config(m.Config(t)), flags...)
}

// startProcess runs the real binary for a site until the test ends.
func startProcess(t *testing.T, s *site.Site, cfg *rest.Config, flags ...string) *process.Server {
	t.Helper()
	return startProcessIn(t, s, cfg, nil, flags...)
}

// startProcessIn is startProcess with more settings in the environment.
func startProcessIn(
	t *testing.T, s *site.Site, cfg *rest.Config, environment []string, flags ...string,
) *process.Server {
	t.Helper()
	executable, err := binary()
	must(t, err)
	kubeconfig, err := s.Cluster.WriteKubeconfig(cfg, s.Namespace)
	must(t, err)
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable,
		Args: append([]string{
			"--kubeconfig=" + kubeconfig, "--webhook-configuration=" + s.Configuration,
			"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.Port),
			"--health-probe-bind-address=0", "--metrics-bind-address=0", "--shutdown-delay=0s",
		}, flags...),
		Env: append(environment,
			"SERVICE_NAME="+site.Service, "POD_NAMESPACE="+s.Namespace, "POD_NAME=hookstrap-0", "POD_IPS=10.244.0.7",
			"POD_SERVICE_ACCOUNT="+site.ServiceAccount),
	})
	must(t, err)
	t.Cleanup(func() {
		server.Kill()
		if t.Failed() {
			t.Logf("the log of webhook serve:\n%s", server.Log())
		}
	})
	return server
}

// awaitPhase waits for a phase for as long as clustertest.Eventually does.
func awaitPhase(t *testing.T, server *process.Server, name string, nth int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), crashPatience)
	defer cancel()
	_, err := server.AwaitPhase(ctx, name, nth)
	must(t, err)
}

// killAt makes the proxy kill what victim holds at one write, with everything that comes behind it cut off as well.
// The victim may be about to start; started is closed when it is known.
func (p *proxy) killAt(victim *atomic.Pointer[process.Server], started <-chan struct{}, at cut) {
	var mu sync.Mutex
	var dead bool
	seen := 0
	p.intervene(func(write string, now moment) bool {
		mu.Lock()
		defer mu.Unlock()
		if dead {
			return true
		}
		if write == at.write && now == beforeIt {
			seen++
		}
		if dead = write == at.write && now == at.moment && seen >= at.nth; dead {
			<-started
			victim.Load().Kill()
		}
		return dead
	})
}

// wantSound is what must hold after a crash and a start: no more CAs than the story has made, nothing piled up, and
// admission works.
func (m *mortal) wantSound(t *testing.T, cas, kills int) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error { return m.trusts(ctx, cas) })
	if unanswered := m.unanswered(t); len(unanswered) > kills {
		t.Errorf("%d unanswered CertificateSigningRequests after %d kills: %v", len(unanswered), kills, unanswered)
	}
	wantAdmission(t, m.Site)
}

// trusts: there is one Secret, its bundle has that many CAs and the one that signs is among them, no successor is left
// halfway, and every caBundle is that bundle.
func (m *mortal) trusts(ctx context.Context, cas int) error {
	secrets, err := m.Admin.CoreV1().Secrets(m.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if len(secrets.Items) != 1 {
		return fmt.Errorf("%d Secrets in namespace %s, want the CA's alone", len(secrets.Items), m.Namespace)
	}
	data := secrets.Items[0].Data
	bundle := data["bundle.crt"]
	switch trusted, err := cert.ParseCertsPEM(bundle); {
	case err != nil:
		return fmt.Errorf("bundle.crt of the Secret: %w", err)
	case len(trusted) != cas || !bytes.Contains(bundle, data["ca.crt"]):
		return fmt.Errorf("the Secret trusts %d CAs, want %d with the one that signs", len(trusted), cas)
	case len(data["next.crt"]) > 0:
		return errors.New("a successor still waits in the Secret")
	}
	live, err := m.LiveConfiguration(ctx)
	if err != nil {
		return err
	}
	for _, webhook := range live.Webhooks {
		if !bytes.Equal(webhook.ClientConfig.CABundle, bundle) {
			return fmt.Errorf("the caBundle of webhook %s is not the Secret's bundle", webhook.Name)
		}
	}
	return nil
}

// presented is the certificate with which the server answers a handshake.
func (m *mortal) presented(ctx context.Context) (*x509.Certificate, error) {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- the caller verifies.
	conn, err := dialer.DialContext(ctx, "tcp", address(m.Site))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// unanswered are the requests of the site that were neither issued nor refused.
func (m *mortal) unanswered(t *testing.T) []string {
	t.Helper()
	list, err := m.Admin.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{
		LabelSelector: csr.LabelNamespace + "=" + m.Namespace})
	must(t, err)
	var names []string
	for _, item := range list.Items {
		if item.Spec.SignerName == authority.SignerName && !answered(&item) {
			names = append(names, item.Name)
		}
	}
	return names
}

func answered(obj *certificatesv1.CertificateSigningRequest) bool {
	for _, condition := range obj.Status.Conditions {
		if condition.Type == certificatesv1.CertificateDenied || condition.Type == certificatesv1.CertificateFailed {
			return true
		}
	}
	return len(obj.Status.Certificate) > 0
}
