// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

const mutations = "components/mutations"

// Under any name, the API server asks the webhook for mutations when its other entries are in force, and never about the
// namespaces that they leave out; and the server may keep that caBundle, and is told to.
func TestMutationsComponent(t *testing.T) {
	c := clustertest.Start(t)
	for title, names := range renamings() {
		t.Run(title, func(t *testing.T) {
			o := renderedObjects(t, c, "resources: [MANIFESTS]\ncomponents: [MANIFESTS/"+mutations+", MANIFESTS/"+networkAddons+"flannel]\n"+
				names.kustomization)
			wantFollowed(t, o, names)
			configuration, checks := one[admissionv1.MutatingWebhookConfiguration](t, o), one[admissionv1.ValidatingWebhookConfiguration](t, o)
			if configuration.Name != names.name || len(configuration.Webhooks) != 1 {
				t.Fatalf("%s has %d entries", configuration.Name, len(configuration.Webhooks))
			}
			entry := configuration.Webhooks[0]
			if ref := entry.ClientConfig.Service; ref.Name != names.name || ref.Namespace != names.namespace || *ref.Path != "/mutate" {
				t.Errorf("it calls %s/%s at %s", ref.Namespace, ref.Name, *ref.Path)
			}
			if !slices.Equal(entry.MatchConditions, checks.Webhooks[0].MatchConditions) {
				t.Errorf("it waits for %v", entry.MatchConditions)
			}
			selector, err := metav1.LabelSelectorAsSelector(entry.NamespaceSelector)
			if err != nil {
				t.Fatal(err)
			}
			for ns, want := range map[string]bool{names.namespace: false, "kube-system": false, "kube-node-lease": false, "kube-flannel": false, "shop": true} {
				if got := selector.Matches(labels.Set{corev1.LabelMetadataName: ns}); got != want {
					t.Errorf("asked about namespace %s: %t, want %t", ns, got, want)
				}
			}
			// The kubelet puts in the name of the Service, which is that of the configuration.
			if args := one[appsv1.Deployment](t, o).Spec.Template.Spec.Containers[0].Args; !slices.Contains(args, "--webhook-configuration=mutating/$(SERVICE_NAME)") {
				t.Errorf("the arguments are %v", args)
			}
			for _, rule := range one[rbacv1.ClusterRole](t, o).Rules {
				if slices.Contains(rule.Resources, "mutatingwebhookconfigurations") && !slices.Equal(rule.ResourceNames, []string{names.name}) {
					t.Errorf("the rule %v is not about %s alone", rule, names.name)
				}
			}
			if got := verbsOn(one[rbacv1.ClusterRole](t, o).Rules, "mutatingwebhookconfigurations"); !slices.Equal(got, []string{"list", "patch", "watch"}) {
				t.Errorf("the server may %v its MutatingWebhookConfiguration", got)
			}
		})
	}
}

// Pods and templates of Pods are changed, where checks look at them, and nothing cluster-wide.
func TestMutationsAreAskedForNarrowly(t *testing.T) {
	file := decode(t, mutations+"/mutatingwebhookconfiguration.yaml").(*admissionv1.MutatingWebhookConfiguration)
	for _, rule := range file.Webhooks[0].Rules {
		narrow(t, rule)
	}
}
