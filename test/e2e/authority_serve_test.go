// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// served: a server without a kubeconfig and a token serves what the kubelet writes into a projected volume, verifies itself
// with the ClusterTrustBundle there, and takes the next certificate without a restart.
func (n *tenant) served(t *testing.T) {
	t.Helper()
	n.createService(t, site.Service, "web")
	published, err := n.admin.CertificatesV1().ClusterTrustBundles().Get(t.Context(), podSignerBundle, metav1.GetOptions{})
	must(t, err)
	roots, dir := []byte(published.Spec.TrustBundle), t.TempDir()
	n.project(t, dir, newTestCA(t, "another").pem())
	s := &site.Site{Namespace: n.namespace, Port: clustertest.FreePort(t)}
	_, health := startStatic(t, s, "--certificate-source=pod-certificate", "--cert-dir="+dir)
	beside := startBeside(t, s, dir)
	clustertest.Eventually(t, func(ctx context.Context) error {
		status, body, err := fetch(ctx, "http://"+health+"/readyz?verbose")
		if err == nil && (status == http.StatusOK || !strings.Contains(body, "not trusted")) {
			err = fmt.Errorf("/readyz says %d %s, want that another CA in the volume does not verify the server", status, body)
		}
		return err
	})
	for range 2 {
		key := n.project(t, dir, roots)
		clustertest.Eventually(t, func(context.Context) error { return presents(s, roots, key.Public()) })
		clustertest.Eventually(t, func(ctx context.Context) error {
			return errors.Join(readyz(ctx, health), readyz(ctx, beside))
		})
	}
}

// startBeside runs `webhook issue` for a server of another container that reads the volume, and returns where it says
// whether that server is ready.
func startBeside(t *testing.T, s *site.Site, dir string) (health string) {
	t.Helper()
	executable, err := binary()
	must(t, err)
	health = freeAddress(t)
	beside, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Command: "issue",
		Args: []string{"--certificate-source=pod-certificate", "--cert-dir=" + dir, "--service-name=" + site.Service,
			"--namespace=" + s.Namespace, fmt.Sprintf("--self-address=127.0.0.1:%d", s.Port),
			"--health-probe-bind-address=" + health, "--metrics-bind-address=0"},
		Env: []string{"HOME=" + t.TempDir(), "KUBECONFIG=", "KUBERNETES_SERVICE_HOST="},
	})
	must(t, err)
	t.Cleanup(beside.Kill)
	return health
}

// project writes a directory as the kubelet does: a new one, and a link to it that is replaced.
func (n *tenant) project(t *testing.T, dir string, roots []byte) crypto.Signer {
	t.Helper()
	key := ecKey(t, elliptic.P256())
	request := n.request(t, key, func(s *certificatesv1.PodCertificateRequestSpec) {
		s.UnverifiedUserAnnotations = map[string]string{"hookstrap.dev/services": site.Service}
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	bundle := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		n.answered(t, request.Name, "Issued").Status.CertificateChain...)
	version, err := os.MkdirTemp(dir, "..") //nolint:usetesting // It is beside what refers to it.
	must(t, err)
	writeFiles(t, version, map[string][]byte{"credentialbundle.pem": bundle, "ca.crt": roots})
	link := filepath.Join(dir, "..data_tmp")
	must(t, os.Symlink(filepath.Base(version), link))
	must(t, os.Rename(link, filepath.Join(dir, "..data")))
	for _, name := range []string{"credentialbundle.pem", "ca.crt"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	return key
}

// presents wants the server to have the certificate for a key, and clients with the roots to take it.
func presents(s *site.Site, roots []byte, key crypto.PublicKey) error {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(s.Port)), &tls.Config{RootCAs: pool,
		ServerName: site.Service + "." + s.Namespace + ".svc", MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	defer conn.Close()
	served, ok := conn.ConnectionState().PeerCertificates[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !served.Equal(key) {
		return errors.New("the server still has another certificate")
	}
	return nil
}
