// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// manyReplicas are the workloads that have so many replicas that something is asked of them.
type manyReplicas struct {
	least            int32
	countAutoscalers bool
	env              handler.Environment
}

// of says how many replicas the Deployment, StatefulSet, ReplicaSet or ReplicationController of a request has, by
// itself or by its autoscaler, and false if they are too few, or if it is something else. The work of the deployment
// controller is the affair of the Deployment.
func (m manyReplicas) of(ctx context.Context, req *handler.Request) (int32, bool, error) {
	obj, ok, err := objectOf[scalable](req, appsv1.SchemeGroupVersion.WithKind("Deployment"),
		appsv1.SchemeGroupVersion.WithKind("StatefulSet"), appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
		corev1.SchemeGroupVersion.WithKind("ReplicationController"))
	if err != nil || !ok || req.Kind.Kind == "ReplicaSet" && isRollout(req, obj) {
		return 0, false, err
	}
	n := orOne(obj.Spec.Replicas)
	if n > 0 && n < m.least && m.countAutoscalers && req.Name != "" {
		find, err := finderOf(ctx, m.env, autoscalers())
		if err != nil {
			return 0, false, err
		}
		key := scaled(schema.GroupVersionKind(req.Kind).GroupKind(), req.Name)
		err = find(view.Query{Key: key, In: req.Namespace}, func(found view.Found[int]) bool {
			n = max(n, int32(found.Value)) //nolint:gosec // It was one.
			return false
		})
		if err != nil {
			return 0, false, err
		}
	}
	return n, n >= m.least, nil
}

// lackf is a violation of a workload for the number of its replicas. It stays the same one if there are more of them.
func lackf(format string, args ...any) handler.Violation {
	v := handler.Violationf(field.NewPath("spec", "replicas"), format, args...)
	v.Identity = "lack"
	return v
}

// positive says that a smallest number of replicas is none.
func positive(path *field.Path, least int32) field.ErrorList {
	if least > 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, least, "must be 1 or more")}
}
