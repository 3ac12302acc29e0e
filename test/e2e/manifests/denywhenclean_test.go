// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
)

const denyWhenClean = "components/deny-when-clean/"

// listed are the resources that rules without names let the server list, and that is all that they do.
func listed(t *testing.T, rules []rbacv1.PolicyRule) sets.Set[string] {
	t.Helper()
	all := sets.New[string]()
	for _, rule := range rules {
		if len(rule.ResourceNames) > 0 {
			continue
		}
		for _, resource := range rule.Resources {
			all.Insert(rule.APIGroups[0] + "/" + resource)
		}
		if slices.Contains(rule.Verbs, "*") || !slices.Contains(rule.Verbs, "list") {
			t.Errorf("%v is not to list", rule)
		}
	}
	return all
}

// audited are the resources of entries of a webhook configuration, without subresources, and what an audit needs beside
// them: Namespaces, and ReplicaSets to know the owner of a Pod.
func audited(webhooks []admissionv1.ValidatingWebhook) sets.Set[string] {
	all := sets.New("/namespaces", "apps/replicasets")
	for _, webhook := range webhooks {
		for _, rule := range webhook.Rules {
			if slices.Equal(rule.Operations, []admissionv1.OperationType{admissionv1.Delete}) {
				continue // Objects are audited as if they were created.
			}
			for _, resource := range rule.Resources {
				if !slices.Contains([]byte(resource), '/') {
					all.Insert(rule.APIGroups[0] + "/" + resource)
				}
			}
		}
	}
	return all
}

// The component lets the server list what it is asked about, and no more; together with all-checks, the same.
func TestDenyWhenCleanMayListWhatIsAudited(t *testing.T) {
	base := load[admissionv1.ValidatingWebhookConfiguration](t, "validatingwebhookconfiguration.yaml").Webhooks
	rules := added[rbacv1.PolicyRule](t, denyWhenClean+"clusterrole-patch.yaml", "/rules/-")
	for _, rule := range rules {
		if want := []string{"list"}; len(rule.ResourceNames) == 0 && !slices.Equal(rule.Verbs, want) {
			t.Errorf("%v allows more than to list", rule)
		}
	}
	got := listed(t, rules)
	if want := audited(base); !got.Equal(want) {
		t.Errorf("the component lets the server list %v, it audits %v", sets.List(got), sets.List(want))
	}
	others := added[admissionv1.ValidatingWebhook](t, allChecks+"webhook-patch.yaml", "/webhooks/-")
	got = got.Union(listed(t, added[rbacv1.PolicyRule](t, denyWhenClean+"all-checks/clusterrole-patch.yaml", "/rules/-")))
	watched := listed(t, added[rbacv1.PolicyRule](t, allChecks+"clusterrole-patch.yaml", "/rules/-"))
	if want := audited(slices.Concat(base, others)); !got.Union(watched).IsSuperset(want) {
		t.Errorf("with all checks, the server may not list %v", sets.List(want.Difference(got.Union(watched))))
	} else if more := got.Difference(want); more.Len() > 0 {
		t.Errorf("with all checks, the server may list %v for nothing", sets.List(more))
	}
}

// One ConfigMap is read and written, by its name; only creation cannot be limited.
func TestDenyWhenCleanWritesOneConfigMap(t *testing.T) {
	rules := added[rbacv1.PolicyRule](t, denyWhenClean+"role-patch.yaml", "/rules/-")
	for _, rule := range rules {
		named := slices.Equal(rule.ResourceNames, []string{"hookstrap-clean"})
		if !slices.Equal(rule.Resources, []string{"configmaps"}) || !named && !slices.Equal(rule.Verbs, []string{"create"}) {
			t.Errorf("%v allows more than one ConfigMap", rule)
		}
	}
	if got, want := verbsOn(rules, "configmaps"), []string{"create", "get", "list", "update", "watch"}; !slices.Equal(got, want) {
		t.Errorf("the component allows to %v ConfigMaps, want %v", got, want)
	}
}
