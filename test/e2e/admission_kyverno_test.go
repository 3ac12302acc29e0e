// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build admission

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// tagsPolicy is the rule of our check of image tags, for Kyverno: the expressions of the ValidatingAdmissionPolicy.
const tagsPolicy = `
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: image-tags}
spec:
  validationActions: [Deny]
  evaluation: {background: {enabled: false}}
  autogen: {podControllers: {controllers: []}}
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE, UPDATE]}]
  validations:
`

// asksNothing returns an error as long as Kyverno is asked about objects, even if no policy is left.
func asksNothing(ctx context.Context, s *site.Site) error {
	const name = "kyverno-resource-validating-webhook-cfg"
	c, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
	if err == nil && len(c.Webhooks) > 0 {
		err = fmt.Errorf("%s still has %d webhooks", name, len(c.Webhooks))
	}
	return client.IgnoreNotFound(err)
}

// theKyverno is Kyverno's admission controller alone, as its chart runs it but for what is where. It makes its
// certificate and its webhook configurations itself. Without reports, which are for other programs of it.
func theKyverno(t *testing.T, s *site.Site) *judge {
	t.Helper()
	crds := filepath.Join(os.Getenv("KYVERNO_SOURCE"), "config", "crds")
	if out, err := shared.Kubectl(t.Context(), "create", "-R", "-f", crds).CombinedOutput(); err != nil {
		t.Fatalf("creating Kyverno's CustomResourceDefinitions: %v: %s", err, out)
	}
	mustApply(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: kyverno, namespace: %[1]s}}\n---\n"+
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: kyverno-metrics, namespace: %[1]s}}\n", s.Namespace))
	wire := countConnections(t, clustertest.FreePort(t))
	server := startPeer(t, "env", "KYVERNO_NAMESPACE="+s.Namespace, "KYVERNO_POD_NAME=kyverno", "KYVERNO_DEPLOYMENT=kyverno",
		"KYVERNO_SERVICEACCOUNT_NAME=kyverno", "KYVERNO_SVC=kyverno", "INIT_CONFIG=kyverno", "METRICS_CONFIG=kyverno-metrics", "KYVERNO_ROLE_NAME=kyverno", os.Getenv("KYVERNO"),
		"--kubeconfig="+shared.Kubeconfig(), fmt.Sprintf("--serverIP=127.0.0.1:%d", wire.port), "--webhookServerHost=127.0.0.1",
		"--webhookServerPort="+strconv.Itoa(wire.backend), "--caSecretName=kyverno-ca", "--tlsSecretName=kyverno-tls",
		"--disableMetrics", "--disableLogColor", "--admissionReports=false", "--controllerRuntimeMetricsAddress=0")
	apply := func(ctx context.Context, verb string) error {
		if said, err := kubectlIn(ctx, tagsPolicy+tagsRules(), verb, "-f", "-"); err != nil {
			return fmt.Errorf("kubectl %s: %w: %s", verb, err, said)
		}
		return nil
	}
	return &judge{name: "kyverno", server: server, wire: wire, put: func(t *testing.T) func() {
		t.Helper()
		// It judges policies, too, once it has its certificate.
		clustertest.EventuallyWithin(t, 2*time.Minute, func(ctx context.Context) error { return apply(ctx, "apply") })
		return func() {
			must(t, apply(t.Context(), "delete"))
			clustertest.Eventually(t, func(ctx context.Context) error { return asksNothing(ctx, s) })
		}
	}}
}
