// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// startStatic runs the real binary as a static pod does, without a ServiceAccount and a kubeconfig.
func startStatic(t *testing.T, s *site.Site, flags ...string) (server *process.Server, health string) {
	t.Helper()
	executable, err := binary()
	must(t, err)
	health = freeAddress(t)
	server, err = process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable,
		Args: append([]string{"--certificate-source=files", "--service-name=" + site.Service, "--namespace=" + s.Namespace,
			"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.Port), "--health-probe-bind-address=" + health,
			"--metrics-bind-address=0", "--shutdown-delay=0s"}, flags...),
		Env: []string{"HOME=" + t.TempDir(), "KUBECONFIG=", "KUBERNETES_SERVICE_HOST=", "POD_NAME=hookstrap-0"},
	})
	must(t, err)
	t.Cleanup(server.Kill)
	return server, health
}

// TestFilesNeedNoKubeconfig: a server with a certificate in files, whose trust something else keeps, has nothing to ask
// the API server. It does where checks read the cluster, or a caBundle is to be written.
func TestFilesNeedNoKubeconfig(t *testing.T) {
	t.Parallel()
	s := &site.Site{Namespace: "static", Target: "target", Port: clustertest.FreePort(t)}
	dir, ca := t.TempDir(), newTestCA(t, "static")
	certificate, key := ca.issue(t, site.Service+"."+s.Namespace+".svc")
	writeFiles(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key})
	_, health := startStatic(t, s, "--cert-dir="+dir, "--webhook-configuration=none")
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	if allowed, message := (direct{site: s, bundle: ca.pem()}).review(t, site.BadImage); allowed || message == "" {
		t.Errorf("the bad image is allowed: %t %q", allowed, message)
	}

	config := filepath.Join(t.TempDir(), "checks.yaml")
	must(t, os.WriteFile(config, []byte(configHead+"checks: {ingressHosts: {mode: deny}}\n"), 0o600))
	for _, tt := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--webhook-configuration=web"}, "--kubeconfig is missing"},
		{[]string{"--webhook-configuration=none", "--config=" + config}, "no API server is known: give --kubeconfig"},
		{[]string{"--webhook-configuration=none", "--kubeconfig=/nonexistent"}, "--kubeconfig"},
	} {
		server, _ := startStatic(t, s, append(tt.flags, "--cert-dir="+dir)...)
		<-server.Exited()
		if !strings.Contains(server.Log(), tt.says) {
			t.Errorf("with %q it ends with %q, want %q", tt.flags, server.Log(), tt.says)
		}
	}
}
