// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestMutualTLSOfTheBinary: the flags reach the listener in both TLS versions, readiness gets by without a client
// certificate, and the log has one structured line for each client that is refused and none for readiness.
func TestMutualTLSOfTheBinary(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	for name, version := range map[string]uint16{"VersionTLS12": tls.VersionTLS12, "VersionTLS13": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ca, other := site.New(t, shared, site.Options{}), newTestCA(t, "clients"), newTestCA(t, "others")
			health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
			server := startBinary(t, s, executable, "--health-probe-bind-address="+health, "--tls-min-version="+name,
				"--client-ca-file="+ca.file(t), "--client-allowed-name=first,"+apiServerName)
			clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
			for range 20 {
				must(t, readyz(t.Context(), health))
			}
			wantCallerOf(t, s, version, ca.caller(t, apiServerName), true)
			for range 3 {
				wantCallerOf(t, s, version, nil, false)
				wantCallerOf(t, s, version, ca.caller(t, "somebody"), false)
				wantCallerOf(t, s, version, other.caller(t, "first"), false)
			}
			clustertest.Eventually(t, func(context.Context) error { return refusals(server.Log(), 3) })
			must(t, server.Stop())
			must(t, refusals(server.Log(), 3))
		})
	}
}

// refusals is an error unless that many lines of the log are about clients that were refused, and none about handshakes
// in another form.
func refusals(log string, want int) error {
	got := strings.Count(log, `"msg":"Refused a client"`)
	if got != want || strings.Contains(log, "TLS handshake") {
		return fmt.Errorf("%d clients refused, want %d, and nothing else about handshakes:\n%s", got, want, log)
	}
	return nil
}

// startBinary runs `webhook serve` for the site, with its ServiceAccount's rights, until the test ends.
func startBinary(t *testing.T, s *site.Site, binary string, args ...string) *process.Server {
	t.Helper()
	return startServe(t, s, binary, append([]string{"--webhook-configuration=" + s.Configuration}, args...)...)
}

// startServe is as startBinary, with the webhook configurations that the program has by itself.
func startServe(t *testing.T, s *site.Site, binary string, args ...string) *process.Server {
	t.Helper()
	kubeconfig, err := s.Cluster.WriteKubeconfig(s.Config(t), s.Namespace)
	must(t, err)
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: binary,
		Args: append([]string{"--kubeconfig=" + kubeconfig, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.Port), "--metrics-bind-address=0",
			"--shutdown-delay=0s"}, args...),
		Env: []string{"SERVICE_NAME=" + site.Service, "POD_NAMESPACE=" + s.Namespace,
			"POD_NAME=hookstrap-0", "POD_UID=" + podUID, "POD_IPS=10.244.0.7", "POD_SERVICE_ACCOUNT=" + site.ServiceAccount, "GOMEMLIMIT=230MiB"},
		MemoryLimit: mostMemory,
	})
	must(t, err)
	t.Cleanup(server.Kill)
	return server
}

// readyz asks a process whether it is ready.
func readyz(ctx context.Context, address string) error {
	status, body, err := fetch(ctx, "http://"+address+"/readyz?verbose")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("readyz: %d: %s", status, body)
	}
	return err
}

// wantCallerOf is wantCaller for a client that speaks no later version.
func wantCallerOf(t *testing.T, s *site.Site, version uint16, certificate *tls.Certificate, want bool) {
	t.Helper()
	if err := call(t.Context(), s, version, certificate); (err == nil) != want {
		t.Errorf("a call of our own: %v, want an answer: %t", err, want)
	}
}

// TestMutualTLSOverlay renders the overlay of docs/mutual-tls.md: the flags name the file that the ConfigMap is mounted as.
func TestMutualTLSOverlay(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	manifests, err := filepath.Rel(dir, filepath.Join(site.Root(), "manifests"))
	must(t, err)
	overlay := strings.ReplaceAll(string(mutualTLSBlock(t, "kustomization.yaml")), "- manifests\n", "- "+manifests+"\n")
	must(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(overlay), 0o600))
	rendered, err := shared.Kubectl(t.Context(), "kustomize", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, rendered)
	}
	var deployment appsv1.Deployment
	for document := range strings.SplitSeq(string(rendered), "\n---\n") {
		if strings.Contains(document, "\nkind: Deployment\n") {
			must(t, yaml.UnmarshalStrict([]byte(document), &deployment))
		}
	}
	pod := deployment.Spec.Template.Spec
	mounted := slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.Name == "clients" && v.ConfigMap != nil && v.ConfigMap.Name == "hookstrap-clients"
	})
	if !mounted || len(pod.Containers) != 2 {
		t.Fatalf("the ConfigMap is not mounted, or there are not two containers:\n%s", rendered)
	}
	webhook := pod.Containers[0]
	for _, mount := range webhook.VolumeMounts {
		if mount.Name == "clients" && mount.SubPath == "" &&
			slices.Contains(webhook.Args, "--client-ca-file="+mount.MountPath+"/ca.crt") &&
			slices.Contains(webhook.Args, "--client-allowed-name="+apiServerName) {
			return
		}
	}
	t.Errorf("the flags %q do not name what is mounted: %+v", webhook.Args, webhook.VolumeMounts)
}
