// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// slim takes out of an object what is not worth the memory. A Deployment leaves ten ReplicaSets behind, each with a
// copy of the specification of its Pods; of those, labels and replicas are kept.
func slim(obj any) (any, error) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		return gone, nil
	}
	if o, ok := obj.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	if set, ok := obj.(*appsv1.ReplicaSet); ok {
		if owner := metav1.GetControllerOf(set); owner != nil && owner.Kind == "Deployment" {
			set.Spec.Template.Spec = corev1.PodSpec{}
		}
	}
	return obj, nil
}
