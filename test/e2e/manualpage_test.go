// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestManualPage runs every command of docs/zh-CN/manual-to-automatic.md, in the order of the page: what people do with
// cfssl and kubectl, and what does the same here. Both ways end with certificates for the same names.
func TestManualPage(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	page, err := os.ReadFile(filepath.Join(site.Root(), "docs", "zh-CN", "manual-to-automatic.md"))
	must(t, err)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 8 {
		t.Fatalf("only %d blocks of commands were found", len(blocks))
	}
	script := "set -eux\n"
	for _, block := range blocks {
		script += block[1]
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(), "PATH="+strings.Join([]string{
		cfssl(t), filepath.Dir(executable), filepath.Dir(shared.Kubectl(t.Context()).Path), os.Getenv("PATH"),
	}, ":"))
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	const service = "manual-webhook.manual.svc"
	wantPair(t, cmd.Dir, "server.crt", "server-key.pem", service, x509.ExtKeyUsageServerAuth)
	wantPair(t, cmd.Dir, "automatic/tls.crt", "automatic/tls.key", service, x509.ExtKeyUsageServerAuth)
	wantPair(t, cmd.Dir, "automatic-host/tls.crt", "automatic-host/tls.key", "10.0.0.7", x509.ExtKeyUsageServerAuth)
	manual := wantPair(t, cmd.Dir, "client.crt", "client-key.pem", "", x509.ExtKeyUsageClientAuth)
	automatic := wantPair(t, cmd.Dir, "automatic-client/tls.crt", "automatic-client/tls.key", "", x509.ExtKeyUsageClientAuth)
	if manual.Subject.String() != automatic.Subject.String() {
		t.Errorf("the two ways end with different clients: %s and %s", manual.Subject, automatic.Subject)
	}
}

// cfssl builds the pinned cfssl and cfssljson, and returns their directory.
func cfssl(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+string(filepath.Separator), "tool")
	cmd.Dir = filepath.Join(site.Root(), "tools", "cfssl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building cfssl: %v: %s", err, output)
	}
	return dir
}

// wantPair reads a certificate and its key, which are to be of the cluster's CA in ca.crt, and for that name.
func wantPair(t *testing.T, dir, certificate, key, name string, usage x509.ExtKeyUsage) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate), filepath.Join(dir, key))
	must(t, err)
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("ca.crt holds no certificate")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
		t.Errorf("%s: %v", certificate, err)
	}
	return pair.Leaf
}
