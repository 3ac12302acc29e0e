// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"regexp"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
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
	const apps = appsv1.GroupName
	immutable := map[metav1.GroupKind]string{
		{Kind: "Pod"}:                           `spec`,
		{Kind: "PersistentVolumeClaim"}:         `spec`,
		{Group: batchv1.GroupName, Kind: "Job"}: `spec\.(template|selector)`,
		{Group: apps, Kind: "Deployment"}:       `spec\.selector`,
		{Group: apps, Kind: "DaemonSet"}:        `spec\.selector`,
		{Group: apps, Kind: "ReplicaSet"}:       `spec\.selector`,
		{Group: apps, Kind: "StatefulSet"}:      `spec\.(selector|serviceName|podManagementPolicy|volumeClaimTemplates)`,
	}
	pattern, ok := immutable[metav1.GroupKind{Group: kind.Group, Kind: kind.Kind}]
	if !ok || !regexp.MustCompile(`^`+pattern+`($|[.[])`).MatchString(c.Field) {
		return false
	}
	const (
		mutable = `^spec\.((initC|c)ontainers\[\d+\]\.image|activeDeadlineSeconds|resources|volumeAttributesClassName)($|\.)`
		added   = `^spec\.tolerations($|\[)`
	)
	return !regexp.MustCompile(mutable).MatchString(c.Field) &&
		(c.Op != patch.Add || !regexp.MustCompile(added).MatchString(c.Field))
}
