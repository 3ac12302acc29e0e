// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

const objectEvents = "components/object-events/"

// The component lets the server write events, and nothing else.
func TestObjectEventsMayWriteEvents(t *testing.T) {
	rules := added[rbacv1.PolicyRule](t, objectEvents+"clusterrole-patch.yaml", "/rules/-")
	if len(rules) != 1 || !slices.Equal(rules[0].APIGroups, []string{""}) || !slices.Equal(rules[0].Resources, []string{"events"}) ||
		!slices.Equal(rules[0].Verbs, []string{"create", "patch"}) {
		t.Errorf("the component allows %v", rules)
	}
}

// A webhook that writes events says so, in every entry; without the component it has no side effects.
func TestObjectEventsAreASideEffect(t *testing.T) {
	c := clustertest.Start(t)
	for _, tt := range []struct {
		components []string
		want       admissionv1.SideEffectClass
		entries    int
	}{
		{[]string{objectEvents}, admissionv1.SideEffectClassNoneOnDryRun, 2},
		{[]string{allChecks, objectEvents, objectEvents + "all-checks"}, admissionv1.SideEffectClassNoneOnDryRun, 3},
		{[]string{allChecks}, admissionv1.SideEffectClassNone, 3},
	} {
		entries := renderedWebhooks(t, c, tt.components)
		if len(entries) != tt.entries {
			t.Errorf("%v: %d entries, want %d", tt.components, len(entries), tt.entries)
		}
		for _, webhook := range entries {
			if *webhook.SideEffects != tt.want {
				t.Errorf("%v: %s has side effects %s, want %s", tt.components, webhook.Name, *webhook.SideEffects, tt.want)
			}
		}
	}
}
