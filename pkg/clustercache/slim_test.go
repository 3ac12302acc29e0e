// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

func TestSlim(t *testing.T) {
	for kind, kept := range map[string]int{"Deployment": 0, "Rollout": 1, "": 1} {
		set := &appsv1.ReplicaSet{}
		set.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "m"}}
		set.Spec.Replicas = new(int32(3))
		set.Spec.Template.Labels = map[string]string{"a": "b"}
		set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c"}}
		if kind != "" {
			set.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "o", Controller: new(true)}}
		}
		got, err := slim(set)
		if err != nil || got != any(set) || len(set.ManagedFields) > 0 || *set.Spec.Replicas != 3 ||
			set.Spec.Template.Labels["a"] != "b" || len(set.Spec.Template.Spec.Containers) != kept {
			t.Errorf("a ReplicaSet of a %q: got %v, %v", kind, got, err)
		}
	}
	gone := cache.DeletedFinalStateUnknown{Key: "a/b"}
	if got, err := slim(gone); err != nil || got != any(gone) {
		t.Errorf("got %v, %v", got, err)
	}
}
