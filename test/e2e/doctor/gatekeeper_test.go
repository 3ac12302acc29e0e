// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build peers

package doctor_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestGatekeeper is the matrix with Gatekeeper, whose cert-controller makes the CA, the Secret and the caBundle:
// `make test-doctor-peers` builds it, and runs this.
func TestGatekeeper(t *testing.T) {
	crds := filepath.Join(os.Getenv("GATEKEEPER_SOURCE"), "charts", "gatekeeper", "crds")
	if out, err := shared.plane.Kubectl(t.Context(), "create", "-f", crds).CombinedOutput(); err != nil {
		t.Fatalf("creating Gatekeeper's CustomResourceDefinitions: %v: %s", err, out)
	}
	t.Run("matrix", func(t *testing.T) { judge(t, gatekeeper()) })
}

// gatekeeper are situations of Gatekeeper's webhook about Namespaces, which denies one that exempts itself.
func gatekeeper() []row {
	const service, configuration = "--cert-service-name=web", "--validating-webhook-configuration-name="
	by := func(then func(t testing.TB, r *rotated)) func(*testing.T, *place) {
		return func(t *testing.T, p *place) {
			t.Helper()
			p.webhook.ClientConfig.CABundle, p.webhook.ClientConfig.Service.Path = nil, new("/v1/admitlabel")
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "namespaces")}
			r := &rotated{place: p, secretName: "gatekeeper-webhook-server-cert", dir: t.TempDir()}
			r.mounts(r.secretName)
			p.program = program{late: true, denial: "Only exempt namespace can have the", ask: labelNamespace,
				start: func(testing.TB, string, string) {}}
			p.built = func(t testing.TB) {
				t.Helper()
				then(t, r)
			}
		}
	}
	return []row{
		{"healthy, Gatekeeper", by(func(t testing.TB, r *rotated) {
			t.Helper()
			r.startGatekeeper(t, service, configuration+r.meta.Name)
		}), nil},
		{"Gatekeeper: the Service has another name than it is told", by(func(t testing.TB, r *rotated) {
			t.Helper()
			r.startGatekeeper(t, configuration+r.meta.Name)
		}), []string{"certificate-wrong-name"}},
		{"Gatekeeper: the webhook configuration has another name than it is told", by(func(t testing.TB, r *rotated) {
			t.Helper()
			r.target = "gatekeeper-validating-webhook-configuration"
			r.startGatekeeper(t, service)
		}), []string{"ca-bundle-missing"}},
		{"Gatekeeper: another CA, and files that the kubelet does not replace", by(func(t testing.TB, r *rotated) {
			t.Helper()
			r.startGatekeeper(t, service, configuration+r.meta.Name)
			r.empty(t)
		}), []string{"certificate-untrusted"}},
	}
}

// startGatekeeper runs Gatekeeper as its chart does, and waits until its certificate is served and its CA is in the
// caBundle.
func (r *rotated) startGatekeeper(t testing.TB, flags ...string) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.address)
	must(t, err)
	free := func() string { return strconv.Itoa(clustertest.FreePort(t)) }
	background(t, []string{"POD_NAMESPACE=" + r.ns, "POD_NAME=" + r.pod.Name}, os.Getenv("GATEKEEPER"),
		append([]string{"--kubeconfig=" + shared.plane.Kubeconfig(), "--host=" + host, "--port=" + port, "--cert-dir=" + r.dir,
			"--operation=webhook", "--health-addr=127.0.0.1:" + free(), "--prometheus-port=" + free()}, flags...)...)
	r.mount(t)
}

// labelNamespace asks Gatekeeper about a Namespace that it denies.
func labelNamespace(ctx context.Context, p *place) error {
	namespaces := shared.admin.CoreV1().Namespaces()
	live, err := namespaces.Get(ctx, p.ns, metav1.GetOptions{})
	if err != nil {
		return err
	}
	live.Labels["admission.gatekeeper.sh/ignore"] = "true"
	_, err = namespaces.Update(ctx, live, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}
