// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func webhooks(t *testing.T) []admissionv1.ValidatingWebhook {
	t.Helper()
	entries := load[admissionv1.ValidatingWebhookConfiguration](t, "validatingwebhookconfiguration.yaml").Webhooks
	if len(entries) == 0 {
		t.Fatal("the configuration has no webhooks")
	}
	return entries
}

// A webhook that fails closed must never stand between a cluster and its own recovery.
func TestWebhooksCannotLockTheCluster(t *testing.T) {
	for _, webhook := range webhooks(t) {
		t.Run(webhook.Name, func(t *testing.T) {
			selector, err := metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
			if err != nil {
				t.Fatal(err)
			}
			for ns, want := range map[string]bool{namespace: false, "kube-system": false, "shop": true} {
				if got := selector.Matches(labels.Set{corev1.LabelMetadataName: ns}); got != want {
					t.Errorf("asked about namespace %s: %t, want %t", ns, got, want)
				}
			}
			if *webhook.TimeoutSeconds > 5 {
				t.Errorf("the API server waits for %d s", *webhook.TimeoutSeconds)
			}
			for _, rule := range webhook.Rules {
				narrow(t, rule)
			}
		})
	}
}

// narrow fails on a rule for more than namespaced objects that were named, being created or updated.
func narrow(t *testing.T, rule admissionv1.RuleWithOperations) {
	t.Helper()
	for _, value := range slices.Concat(rule.APIGroups, rule.APIVersions, rule.Resources) {
		if strings.Contains(value, "*") {
			t.Errorf("a wildcard among %v", rule.Rule)
		}
	}
	if rule.Scope == nil || *rule.Scope != admissionv1.NamespacedScope {
		t.Errorf("cluster-scoped objects match %v", rule.Rule)
	}
	for _, operation := range rule.Operations {
		if operation != admissionv1.Create && operation != admissionv1.Update {
			t.Errorf("operation %s is asked about, which the checks have nothing to say on", operation)
		}
	}
}

func TestWebhooksCallOurService(t *testing.T) {
	service := load[corev1.Service](t, "service.yaml")
	for _, webhook := range webhooks(t) {
		ref := webhook.ClientConfig.Service
		if ref == nil || ref.Name != service.Name || ref.Namespace != service.Namespace ||
			*ref.Port != service.Spec.Ports[0].Port || *ref.Path != "/validate" {
			t.Errorf("%s calls %+v", webhook.Name, webhook.ClientConfig)
		}
	}
}

func TestWebhooksAreExact(t *testing.T) {
	for _, webhook := range webhooks(t) {
		if *webhook.FailurePolicy != admissionv1.Fail || *webhook.MatchPolicy != admissionv1.Equivalent {
			t.Errorf("%s has failurePolicy %s and matchPolicy %s", webhook.Name, *webhook.FailurePolicy, *webhook.MatchPolicy)
		}
		versions := webhook.AdmissionReviewVersions
		if *webhook.SideEffects != admissionv1.SideEffectClassNone || !slices.Equal(versions, []string{"v1"}) {
			t.Errorf("%s has side effects %s, versions %v", webhook.Name, *webhook.SideEffects, versions)
		}
		if len(webhook.MatchConditions) != 1 || webhook.MatchConditions[0].Name != "in-force" {
			t.Errorf("%s is in force before a replica is ready: its matchConditions are %v", webhook.Name, webhook.MatchConditions)
		}
	}
}

// Pods are the one thing that must not get past us, however they are made.
func TestPodsAreChecked(t *testing.T) {
	for _, want := range []string{"pods", "pods/ephemeralcontainers", "pods/resize"} {
		covers := func(rule admissionv1.RuleWithOperations) bool {
			return slices.Contains(rule.APIGroups, "") && slices.Contains(rule.Resources, want)
		}
		if !slices.ContainsFunc(webhooks(t), func(w admissionv1.ValidatingWebhook) bool {
			return slices.ContainsFunc(w.Rules, covers)
		}) {
			t.Errorf("no webhook is asked about %s", want)
		}
	}
}
