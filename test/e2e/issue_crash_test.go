// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestIssueOnceCrashesAtEveryWrite kills `webhook issue --once` at every write, before and after it, and runs it again
// as the kubelet does with an init container. Whatever it left for the server to read was whole and trusted.
func TestIssueOnceCrashesAtEveryWrite(t *testing.T) {
	t.Parallel()
	shipped, err := site.Render(t.Context(), shared, "manifests")
	must(t, err)
	m := newMortal(t, &shipped)
	wantEndWell(t, m.issueOnce(t))
	m.wantIssued(t, 0)
	writes := m.proxy.recorded()
	t.Logf("%d writes: %v", len(writes), writes)
	if len(writes) == 0 {
		t.Fatal("it writes nothing")
	}
	for _, at := range cuts(writes) {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			m := newMortal(t, &shipped)
			var victim atomic.Pointer[process.Server]
			started := make(chan struct{})
			m.proxy.killAt(&victim, started, at)
			victim.Store(m.issueOnce(t))
			close(started)
			wantEnd(t, victim.Load())
			if victim.Load().Wait() == nil {
				t.Fatalf("there was no write %q to be killed at, only %v", at, m.proxy.recorded())
			}
			m.proxy.intervene(nil)
			m.wantWholeOrNothing(t)
			wantEndWell(t, m.issueOnce(t))
			m.wantIssued(t, 1)
		})
	}
}

// issueOnce starts `webhook issue --once` through the proxy.
func (m *mortal) issueOnce(t *testing.T) *process.Server {
	t.Helper()
	executable, err := binary()
	must(t, err)
	kubeconfig, err := m.Cluster.WriteKubeconfig(m.proxy.config(m.Config(t)), m.Namespace)
	must(t, err)
	issuer, err := process.Start(t.Context(), process.Options{
		Binary: executable, Command: "issue",
		Args: []string{
			"--once", "--kubeconfig=" + kubeconfig, "--webhook-configuration=" + m.Configuration,
			"--service-name=" + site.Service, "--namespace=" + m.Namespace, "--service-account=" + site.ServiceAccount,
			"--cert-dir=" + m.directory,
		},
	})
	must(t, err)
	t.Cleanup(func() {
		issuer.Kill()
		if t.Failed() {
			t.Logf("the log of webhook issue:\n%s", issuer.Log())
		}
	})
	return issuer
}

// wantEnd waits for a process to end, of itself or killed.
func wantEnd(t *testing.T, p *process.Server) {
	t.Helper()
	select {
	case <-p.Exited():
	case <-time.After(crashPatience):
		t.Fatal("webhook issue --once does not end")
	}
}

// wantEndWell waits for a process to end without an error.
func wantEndWell(t *testing.T, p *process.Server) {
	t.Helper()
	wantEnd(t, p)
	must(t, p.Wait())
}

// wantWholeOrNothing: after a crash there is no file of a pair, or all of them, and the caBundle trusts the certificate.
func (m *mortal) wantWholeOrNothing(t *testing.T) {
	t.Helper()
	_, err := os.Stat(filepath.Join(m.directory, "tls.crt"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	must(t, err)
	m.wantPair(t)
}

// wantIssued: the pair is there, nothing has piled up, and there is one CA.
func (m *mortal) wantIssued(t *testing.T, kills int) {
	t.Helper()
	must(t, m.trusts(t.Context(), 1))
	m.wantPair(t)
	if unanswered := m.unanswered(t); len(unanswered) > kills {
		t.Errorf("%d unanswered CertificateSigningRequests after %d kills: %v", len(unanswered), kills, unanswered)
	}
}

// wantPair: the certificate in the directory fits its key, and the live caBundle verifies it for the Service.
func (m *mortal) wantPair(t *testing.T) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(m.directory, "tls.crt"), filepath.Join(m.directory, "tls.key"))
	must(t, err)
	live, err := m.LiveConfiguration(t.Context())
	must(t, err)
	bundle := live.Webhooks[0].ClientConfig.CABundle
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: site.Service + "." + m.Namespace + ".svc"})
	must(t, err)
	written, err := os.ReadFile(filepath.Join(m.directory, "ca.crt"))
	must(t, err)
	if !bytes.Equal(written, bundle) {
		t.Error("ca.crt is not the live caBundle")
	}
}
