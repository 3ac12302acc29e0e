// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"testing"

	admission "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

const allChecks = "components/all-checks/"

// added are the values that a patch adds to the list at a path, and nothing else may be in the patch.
func added[T any](t *testing.T, file, path string) []T {
	t.Helper()
	var patch []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value T      `json:"value"`
	}
	if err := yaml.UnmarshalStrict(read(t, file), &patch); err != nil {
		t.Fatal(err)
	}
	var values []T
	for _, step := range patch {
		if step.Op != "add" || step.Path != path {
			t.Errorf("%s does %s %s: it is to add to %s, and change nothing of the base", file, step.Op, step.Path, path)
		}
		values = append(values, step.Value)
	}
	return values
}

// The component gives the right to watch what checks look up, and no other.
func TestAllChecksMayWatchWhatChecksLookUp(t *testing.T) {
	var want []string
	for _, d := range check.Definitions() {
		for _, obj := range d.Reads {
			kind, err := apiutil.GVKForObject(view.TypeOf(obj), scheme.Scheme)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, offline.GuessResource(kind).GroupResource().String())
		}
	}
	var got []string
	for _, rule := range added[rbacv1.PolicyRule](t, allChecks+"clusterrole-patch.yaml", "/rules/-") {
		if !slices.Equal(rule.Verbs, []string{"get", "list", "watch"}) {
			t.Errorf("%v allows more than to watch, or less", rule)
		}
		for _, resource := range rule.Resources {
			got = append(got, schema.GroupResource{Group: rule.APIGroups[0], Resource: resource}.String())
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.Compact(want); !slices.Equal(want, got) {
		t.Errorf("the component lets the server watch %v, checks look up %v", got, want)
	}
}

// Roles are what a cluster is repaired with, and are in no namespace that could be left out.
func TestAllChecksCannotLockTheCluster(t *testing.T) {
	for _, webhook := range added[admissionv1.ValidatingWebhook](t, allChecks+"webhook-patch.yaml", "/webhooks/-") {
		if *webhook.FailurePolicy != admissionv1.Ignore {
			t.Errorf("%s has failurePolicy %s", webhook.Name, *webhook.FailurePolicy)
		}
		selector, err := metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
		if err != nil {
			t.Fatal(err)
		}
		for ns, want := range map[string]bool{namespace: false, "kube-system": false, "shop": true} {
			if got := selector.Matches(labels.Set{corev1.LabelMetadataName: ns}); got != want {
				t.Errorf("asked about namespace %s: %t, want %t", ns, got, want)
			}
		}
		for _, rule := range webhook.Rules {
			for _, value := range slices.Concat(rule.APIGroups, rule.APIVersions, rule.Resources) {
				if strings.Contains(value, "*") {
					t.Errorf("a wildcard among %v", rule.Rule)
				}
			}
			isDelete := slices.Equal(rule.Operations, []admissionv1.OperationType{admissionv1.Delete})
			if *rule.Scope == admissionv1.ClusterScope && rule.APIGroups[0] != rbacv1.GroupName && !isDelete {
				t.Errorf("cluster-scoped objects match %v", rule.Rule)
			}
		}
	}
}

// But for rules and failure policy, the entry is as those of the base.
func TestAllChecksEntryIsLikeTheOthers(t *testing.T) {
	base := webhooks(t)[0]
	for _, webhook := range added[admissionv1.ValidatingWebhook](t, allChecks+"webhook-patch.yaml", "/webhooks/-") {
		webhook.Name, webhook.Rules, webhook.FailurePolicy = base.Name, base.Rules, base.FailurePolicy
		if !reflect.DeepEqual(webhook, base) {
			t.Errorf("got  %v\nwant %v", webhook, base)
		}
	}
}

// With the component there is no check that is never asked.
func TestAllChecksAreAsked(t *testing.T) {
	asked := map[string]bool{}
	entries := append(webhooks(t), added[admissionv1.ValidatingWebhook](t, allChecks+"webhook-patch.yaml", "/webhooks/-")...)
	for _, webhook := range entries {
		for _, rule := range webhook.Rules {
			for _, resource := range rule.Resources {
				for _, operation := range rule.Operations {
					asked[string(operation)+" "+cmp.Or(rule.APIGroups[0], "core")+"/"+rule.APIVersions[0]+" "+resource] = true
				}
			}
		}
	}
	for _, d := range check.Definitions() {
		var object metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(d.Doc.Denied), &object); err != nil {
			t.Fatal(err)
		}
		resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
		if d.Doc.Operation == admission.Connect {
			resource.Resource = "pods/exec"
		}
		operation := string(cmp.Or(d.Doc.Operation, admission.Create))
		if key := operation + " " + cmp.Or(resource.Group, "core") + "/" + resource.Version + " " + resource.Resource; !asked[key] {
			t.Errorf("%s: nobody asks about %s", d.Name, key)
		}
	}
	for _, extra := range []string{"UPDATE apps/v1 deployments/scale", "CREATE apps/v1 replicasets",
		"CREATE autoscaling/v2 horizontalpodautoscalers", "CREATE rbac.authorization.k8s.io/v1 clusterroles",
		"CREATE rbac.authorization.k8s.io/v1 clusterrolebindings", "CREATE core/v1 podtemplates", "UPDATE core/v1 configmaps",
		"CONNECT core/v1 pods/attach", "CONNECT core/v1 pods/portforward", "DELETE core/v1 namespaces",
		"DELETE apiextensions.k8s.io/v1 customresourcedefinitions", "DELETE apps/v1 statefulsets"} {
		if !asked[extra] {
			t.Errorf("nobody asks about %s", extra)
		}
	}
}
