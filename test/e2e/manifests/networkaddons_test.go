// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

const networkAddons = "components/network-addons/"

// alwaysThere are the namespaces that exist in every cluster with this webhook: the API server makes the first two.
func alwaysThere() []string { return []string{"kube-system", "kube-node-lease", namespace} }

// What is exempt by its name exists: in a namespace that does not, who may create it could run anything.
func TestNoFreeNameIsExempt(t *testing.T) {
	entries := append(webhooks(t), added[admissionv1.ValidatingWebhook](t, allChecks+"webhook-patch.yaml", "/webhooks/-")...)
	for _, webhook := range entries {
		for _, r := range webhook.NamespaceSelector.MatchExpressions {
			if r.Key != corev1.LabelMetadataName || r.Operator != metav1.LabelSelectorOpNotIn || !slices.Equal(r.Values, alwaysThere()) {
				t.Errorf("%s leaves out %v", webhook.Name, r)
			}
		}
		if len(webhook.NamespaceSelector.MatchLabels) > 0 || webhook.ObjectSelector != nil {
			t.Errorf("%s leaves out what users may label themselves", webhook.Name)
		}
	}
}

// Each network's component leaves its own namespaces out, of the entries that fail closed and in whatever company.
func TestNetworkAddons(t *testing.T) {
	c := clustertest.Start(t)
	flannel, calico := []string{"kube-flannel"}, []string{"calico-system", "tigera-operator"}
	for components, out := range map[string][]string{
		networkAddons + "flannel":                                 flannel,
		networkAddons + "calico":                                  calico,
		networkAddons + "calico," + networkAddons + "flannel":     slices.Concat(calico, flannel),
		"components/all-checks," + networkAddons + "flannel":      flannel,
		networkAddons + "calico,components/all-checks":            calico,
		networkAddons + "flannel,components/no-listener":          flannel,
		"components/namespace-levels," + networkAddons + "calico": calico,
		"components/trust-bundle," + networkAddons + "flannel":    flannel,
	} {
		t.Run(components, func(t *testing.T) {
			for _, webhook := range renderedWebhooks(t, c, strings.Split(components, ",")) {
				wantLeftOut(t, webhook, out)
			}
		})
	}
}

func wantLeftOut(t *testing.T, webhook admissionv1.ValidatingWebhook, addons []string) {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
	if err != nil {
		t.Fatal(err)
	}
	failsClosed := *webhook.FailurePolicy == admissionv1.Fail
	for _, ns := range slices.Concat(alwaysThere(), []string{"kube-flannel", "calico-system", "tigera-operator", "shop"}) {
		leftOut := slices.Contains(alwaysThere(), ns) || failsClosed && slices.Contains(addons, ns)
		if got := selector.Matches(labels.Set{corev1.LabelMetadataName: ns}); got == leftOut {
			t.Errorf("%s is asked about namespace %s: %t", webhook.Name, ns, got)
		}
	}
}

// renderedWebhooks are the entries of the base with components.
func renderedWebhooks(t *testing.T, c *cluster.Cluster, components []string) []admissionv1.ValidatingWebhook {
	t.Helper()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(dir, here)
	if err != nil {
		t.Fatal(err)
	}
	kustomization := fmt.Sprintf("resources: [%s/base]\ncomponents:\n", relative)
	for _, component := range components {
		kustomization += fmt.Sprintf("- %s/%s\n", relative, component)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := c.Kubectl(t.Context(), "kustomize", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for document := range strings.SplitSeq(string(out), "\n---\n") {
		var found admissionv1.ValidatingWebhookConfiguration
		if strings.Contains(document, "\nkind: ValidatingWebhookConfiguration\n") {
			if err := yaml.UnmarshalStrict([]byte(document), &found); err != nil {
				t.Fatal(err)
			}
			return found.Webhooks
		}
	}
	t.Fatal("there is no ValidatingWebhookConfiguration")
	return nil
}
