// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"regexp"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// UpdatesPass tests that an update which changes nothing is admitted, whatever is wrong with the object: with a check
// or mutation that is new, objects that exist can still be labeled, scaled and deleted. Each manifest is an object in
// YAML or JSON, as it was before the check or mutation was there.
//
// A check fails it that tells of the same violation in other words each time, or that counts on every update. So does a
// mutation that changes a field which an API server lets no update change, such as most of a Pod; see
// [handler.OnCreate].
func UpdatesPass(t testing.TB, h *handler.Handler, manifests ...string) {
	t.Helper()
	for _, manifest := range manifests {
		req, err := requestOf(manifest + "\n---\n" + manifest)
		if err != nil {
			t.Fatalf("%v, in\n%s", err, manifest)
		}
		changed, mutated := h.Mutate(t.Context(), handler.NewRequest(req))
		for _, c := range mutated.Changes {
			if isImmutable(req.Kind, c) {
				t.Errorf("an update that changes nothing is denied by the API server, for a mutation changes %s, which it lets "+
					"no update change: use handler.OnCreate, of\n%s", c.Field, manifest)
			}
		}
		for _, f := range append(mutated.Findings, h.Judge(t.Context(), changed).Findings...) {
			if f.Refuses {
				t.Errorf("an update that changes nothing is denied by %s: %s, of\n%s", f.Check, f.Text(), manifest)
			}
		}
	}
}

// isImmutable says whether an API server refuses a change in every update.
func isImmutable(kind metav1.GroupVersionKind, c handler.Change) bool {
	matches := func(pattern string) bool {
		return pattern != "" && regexp.MustCompile(`^(`+pattern+`)($|[.[])`).MatchString(c.Field)
	}
	of := immutable()[metav1.GroupKind{Group: kind.Group, Kind: kind.Kind}]
	return matches(of.fixed) && !matches(of.free) && (c.Op != patch.Add || !matches(of.grow))
}

// immutability has patterns of the fields that no update changes, but for those that any does, and those that may be
// added to.
type immutability struct{ fixed, free, grow string }

// immutable are the fields that API servers let no user change, as far as mutations are likely to.
func immutable() map[metav1.GroupKind]immutability {
	const apps, rbac = appsv1.GroupName, rbacv1.GroupName
	return map[metav1.GroupKind]immutability{
		{Kind: "Pod"}: {
			`spec`, `spec\.((initC|c)ontainers\[\d+\]\.image|activeDeadlineSeconds)`, `spec\.tolerations`,
		},
		{Kind: "PersistentVolumeClaim"}: {fixed: `spec`, free: `spec\.(resources|volumeAttributesClassName)`},
		{Group: batchv1.GroupName, Kind: "Job"}: {fixed: `spec\.(template|selector|completionMode|podFailurePolicy|` +
			`backoffLimitPerIndex|managedBy|successPolicy)`},
		{Group: apps, Kind: "Deployment"}:  {fixed: `spec\.selector`},
		{Group: apps, Kind: "DaemonSet"}:   {fixed: `spec\.selector`},
		{Group: apps, Kind: "ReplicaSet"}:  {fixed: `spec\.selector`},
		{Group: apps, Kind: "StatefulSet"}: {fixed: `spec\.(selector|serviceName|podManagementPolicy|volumeClaimTemplates)`},
		{Group: storagev1.GroupName, Kind: "StorageClass"}: {
			fixed: `provisioner|parameters|reclaimPolicy|volumeBindingMode`,
		},
		{Group: schedulingv1.GroupName, Kind: "PriorityClass"}: {fixed: `value|preemptionPolicy`},
		{Group: rbac, Kind: "RoleBinding"}:                     {fixed: `roleRef`},
		{Group: rbac, Kind: "ClusterRoleBinding"}:              {fixed: `roleRef`},
	}
}
