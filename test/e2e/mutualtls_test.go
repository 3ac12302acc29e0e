// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// apiServerName is the name that docs/mutual-tls.md gives the API server's client certificate.
const apiServerName = "kube-apiserver"

// TestMutualTLS follows docs/mutual-tls.md with a real API server: its two files as they stand there,
// but for the names and paths.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	node, clients := controlPlaneNode{t.TempDir()}, t.TempDir()
	first, second := newTestCA(t, "first"), newTestCA(t, "second")
	put := func(cas ...*testCA) { swapProjected(t, clients, map[string][]byte{"ca.crt": bundleOf(cas...).PEM()}) }
	node.certificate(t, first)
	// The API server knows no one of our Service yet.
	node.kubeconfig(t, "another.service.svc")
	put(first)

	c := clustertest.StartWith(t, cluster.Options{
		APIServerArgs: map[string][]string{"admission-control-config-file": {node.admission(t)}}})
	s := site.New(t, c, site.Options{})
	options := s.BootstrapOptions(t)
	options.ClientCAFile, options.ClientAllowedNames = filepath.Join(clients, "ca.crt"), []string{apiServerName}
	server := s.Start(t, options)
	server.AwaitReady(t)

	t.Run("an API server without a certificate is refused", func(t *testing.T) {
		err := s.Admit(t.Context(), site.GoodImage)
		if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
			t.Errorf("admission: %v, want that the webhook cannot be called", err)
		}
	})
	t.Run("an API server with a certificate gets verdicts", func(t *testing.T) {
		node.kubeconfig(t, fmt.Sprintf("%s.%s.svc:%d", site.Service, s.Namespace, s.Port))
		restart(t, c)
		wantAdmission(t, s)
	})
	t.Run("other clients are refused", func(t *testing.T) {
		wantCaller(t, s, nil, false)
		wantCaller(t, s, first.caller(t, apiServerName), true)
		wantCaller(t, s, first.caller(t, "somebody"), false)
		wantCaller(t, s, second.caller(t, apiServerName), false)
	})
	t.Run("a bad file changes nothing", func(t *testing.T) {
		before := server.Failures(t)
		swapProjected(t, clients, map[string][]byte{"ca.crt": []byte("garbage")})
		clustertest.Eventually(t, func(context.Context) error {
			if server.Failures(t) == before {
				return errors.New("nobody complained about the client CA file")
			}
			return nil
		})
		wantCaller(t, s, first.caller(t, apiServerName), true)
		wantCaller(t, s, nil, false)
	})
	t.Run("the CA is rotated under a stream of admissions", func(t *testing.T) {
		load := startStream(t, s)
		put(first, second)
		eventuallyCaller(t, s, second.caller(t, apiServerName), true)
		wantCaller(t, s, first.caller(t, apiServerName), true)
		node.certificate(t, second)
		load.atLeast(t, 5)
		put(second)
		eventuallyCaller(t, s, first.caller(t, apiServerName), false)
		load.atLeast(t, 5)
		load.end(t)
	})
	t.Run("the API server has taken its new certificate without a restart", func(t *testing.T) {
		// What stands is from before: another server makes the API server shake hands again.
		server.Stop()
		server = s.Start(t, options)
		server.AwaitReady(t)
		wantAdmission(t, s)
	})
}

// controlPlaneNode is /etc/kubernetes/hookstrap of the page, elsewhere.
type controlPlaneNode struct{ dir string }

const pageDir = "/etc/kubernetes/hookstrap"

// certificate writes client.crt and client.key, issued by ca.
func (n controlPlaneNode) certificate(t *testing.T, ca *testCA) {
	t.Helper()
	certificate := ca.caller(t, apiServerName)
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	must(t, err)
	n.write(t, "client.key", encode("PRIVATE KEY", der))
	n.write(t, "client.crt", encode("CERTIFICATE", certificate.Certificate[0]))
}

// admission writes admission.yaml and returns its path.
func (n controlPlaneNode) admission(t *testing.T) string {
	t.Helper()
	return n.write(t, "admission.yaml", n.here(mutualTLSBlock(t, pageDir+"/admission.yaml")))
}

// kubeconfig writes kubeconfig.yaml, for a Service of that name instead of the page's.
func (n controlPlaneNode) kubeconfig(t *testing.T, service string) {
	t.Helper()
	const theirs = "- name: hookstrap.hookstrap-system.svc #"
	text := n.here(mutualTLSBlock(t, pageDir+"/kubeconfig.yaml"))
	if bytes.Count(text, []byte(theirs)) != 1 {
		t.Fatalf("the kubeconfig of docs/mutual-tls.md names no user %q:\n%s", theirs, text)
	}
	n.write(t, "kubeconfig.yaml", bytes.ReplaceAll(text, []byte(theirs), []byte("- name: "+service+" #")))
}

func (n controlPlaneNode) here(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte(pageDir), []byte(n.dir))
}

func (n controlPlaneNode) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(n.dir, name)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// mutualTLSBlock returns the YAML block of docs/mutual-tls.md that begins with a comment of that name.
func mutualTLSBlock(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.Root(), "docs", "mutual-tls.md"))
	must(t, err)
	_, block, found := strings.Cut(string(text), "```yaml\n   # "+name+"\n")
	block, _, ended := strings.Cut(block, "   ```\n")
	if !found || !ended {
		t.Fatalf("docs/mutual-tls.md has no YAML block that begins with # %s", name)
	}
	return []byte(strings.ReplaceAll("\n"+block, "\n   ", "\n"))
}

// restart makes the API server read its files again.
func restart(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	must(t, c.StopAPIServer())
	must(t, c.StartAPIServer(t.Context()))
}

// caller is a client's certificate.
func (ca *testCA) caller(t testing.TB, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := leafTemplate(t, nil)
	template.Subject = pkix.Name{CommonName: name}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return &tls.Certificate{Certificate: [][]byte{certify(t, template, ca.certificate, key, ca.key).Raw}, PrivateKey: key}
}

// call makes one HTTP request to the server itself, past the API server, and says whether it was answered.
func call(ctx context.Context, s *site.Site, version uint16, certificate *tls.Certificate) error {
	if certificate == nil {
		certificate = &tls.Certificate{}
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify:   true,
		MaxVersion:           version,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil },
	}}
	defer transport.CloseIdleConnections()
	address := fmt.Sprintf("https://127.0.0.1:%d/validate", s.Port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func wantCaller(t *testing.T, s *site.Site, certificate *tls.Certificate, want bool) {
	t.Helper()
	wantCallerOf(t, s, tls.VersionTLS13, certificate, want)
}

func eventuallyCaller(t *testing.T, s *site.Site, certificate *tls.Certificate, want bool) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := call(ctx, s, tls.VersionTLS13, certificate); (err == nil) != want {
			return fmt.Errorf("a call of our own: %w, want an answer: %t", errOrNil(err), want)
		}
		return nil
	})
}
