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

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

const component = "components/trust-bundle/"

// componentRules are the rules that the component adds.
func componentRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	var patch []struct {
		Op    string            `json:"op"`
		Path  string            `json:"path"`
		Value rbacv1.PolicyRule `json:"value"`
	}
	if err := yaml.UnmarshalStrict(read(t, component+"clusterrole-patch.yaml"), &patch); err != nil {
		t.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	for _, step := range patch {
		if step.Op != "add" || step.Path != "/rules/-" && step.Path != "/rules/0" {
			t.Errorf("the patch does %s %s: it is to add rules, and change none of the base's", step.Op, step.Path)
		}
		rules = append(rules, step.Value)
	}
	return rules
}

// The component lets the server write one ClusterTrustBundle, the one that it writes, and attest to its own signer.
func TestComponentHasLeastPrivilege(t *testing.T) {
	rules := componentRules(t)
	for _, rule := range rules {
		if fault := tooMuch(rule, signer.BuiltIn); fault != "" {
			t.Errorf("%v: %s", rule, fault)
		}
		written := trust.BundleName(signer.BuiltIn, types.NamespacedName{Namespace: namespace, Name: name})
		if slices.Contains(rule.Resources, "clustertrustbundles") && !slices.Equal(rule.ResourceNames, []string{written}) {
			t.Errorf("%v is for another object than %s", rule, written)
		}
	}
	if verbs := verbsOn(rules, "clustertrustbundles"); !slices.Equal(verbs, []string{"create", "patch"}) {
		t.Errorf("the component allows to %v ClusterTrustBundles", verbs)
	}
	if verbs := verbsOn(rules, "signers"); !slices.Equal(verbs, []string{"attest"}) {
		t.Errorf("the component allows to %v signers", verbs)
	}
}

// What the component says about the object's name to who wants to mount it is true.
func TestComponentNamesTheObject(t *testing.T) {
	want := "name: " + trust.BundleName(signer.BuiltIn, types.NamespacedName{Namespace: namespace, Name: name})
	if !strings.Contains(string(read(t, component+"kustomization.yaml")), want) {
		t.Errorf("%skustomization.yaml does not say %q", component, want)
	}
}

// Without the listener there is nothing left of it but an empty directory.
func TestComponentLeavesTheListenerOut(t *testing.T) {
	c := clustertest.Start(t)
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	site := t.TempDir()
	relative, err := filepath.Rel(site, dir)
	if err != nil {
		t.Fatal(err)
	}
	kustomization := fmt.Sprintf("resources: [%[1]s/base]\ncomponents: [%[1]s/components/trust-bundle, "+
		"%[1]s/components/no-listener]\n", relative)
	if err := os.WriteFile(filepath.Join(site, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, site)
	live, err := client.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	containers := live.Spec.Template.Spec.Containers
	if len(containers) != 1 || strings.Contains(strings.Join(containers[0].Args, " "), "--listener-socket") ||
		!slices.Contains(containers[0].Args, "--publish-trust-bundle") {
		t.Errorf("the containers are %+v", containers)
	}
}
