// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// replicaLimits denies too few and too many replicas: of Deployments, StatefulSets, ReplicaSets and
// ReplicationControllers, written down there, by way of their scale subresource, or by a HorizontalPodAutoscaler. What
// the deployment controller does with the ReplicaSets of a Deployment is the Deployment's affair. An update that comes
// closer to the limits passes, even if it does not reach them.
type replicaLimits struct {
	// Min is the smallest number of replicas.
	Min int32 `json:"min"`
	// Max is the largest number of replicas; 0 stands for no limit.
	Max int32 `json:"max,omitempty"`
	// AllowZero admits none at all, which is how things are switched off.
	AllowZero bool `json:"allowZero"`
	// CountAutoscalers takes minReplicas of a HorizontalPodAutoscaler for the number of what it scales, where too few are
	// written down. One that is created after what it scales is not known yet.
	CountAutoscalers bool `json:"countAutoscalers"`
}

func replicaLimitsDefinition() handler.Definition {
	return handler.Define("replicaLimits", handler.Doc{
		Summary: "Workloads have neither too few replicas nor too many, however they are scaled.",
		Why: "With a single replica, every rollout of a node is an outage; with a mistyped number, one workload takes the " +
			"room of all others.",
	}, func() replicaLimits { return replicaLimits{Min: 2, AllowZero: true, CountAutoscalers: true} },
		func(p replicaLimits, env handler.Environment) (handler.Check, error) {
			return replicaCheck{p, env}, nil
		},
		autoscalers())
}

// ReadsCluster implements [handler.Reader].
func (p replicaLimits) ReadsCluster() bool { return p.CountAutoscalers && p.Min > 1 }

// Validate implements [handler.Validator].
func (p replicaLimits) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.Min < 0 {
		errs = append(errs, field.Invalid(path.Child("min"), p.Min, "must be 0 or more"))
	}
	if p.Max != 0 && p.Max < max(p.Min, 1) {
		errs = append(errs, field.Invalid(path.Child("max"), p.Max, "must be at least min, or 0 for no limit"))
	}
	return errs
}

// replicaCheck asks to see the scale subresource as well.
type replicaCheck struct {
	limits replicaLimits
	env    handler.Environment
}

var _ handler.Selector = replicaCheck{}

// Name implements [handler.Check].
func (replicaCheck) Name() string { return "replicaLimits" }

// Selects implements [handler.Selector].
func (replicaCheck) Selects(req *handler.Request) bool {
	return (req.Operation == admissionv1.Create || req.Operation == admissionv1.Update) &&
		(req.SubResource == "" || req.SubResource == "scale")
}

// Evaluate implements [handler.Check].
func (c replicaCheck) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	kind := schema.GroupVersionKind(req.Kind)
	switch kind.GroupKind() {
	case appsv1.SchemeGroupVersion.WithKind("Deployment").GroupKind(),
		appsv1.SchemeGroupVersion.WithKind("StatefulSet").GroupKind(),
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet").GroupKind():
		return c.written(ctx, req, appsv1.SchemeGroupVersion.WithKind(kind.Kind))
	case corev1.SchemeGroupVersion.WithKind("ReplicationController").GroupKind():
		return c.written(ctx, req, corev1.SchemeGroupVersion.WithKind(kind.Kind))
	case autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind():
		return c.scaled(ctx, req)
	case autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler").GroupKind():
		return c.autoscaled(req)
	}
	return nil, nil
}

// scalable is what this check needs to know of whatever has replicas.
type scalable struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Replicas *int32 `json:"replicas"`
	} `json:"spec"`
}

func (c replicaCheck) written(
	ctx context.Context, req *handler.Request, kind schema.GroupVersionKind,
) ([]handler.Violation, error) {
	obj, ok, err := objectOf[scalable](req, kind)
	if err != nil || !ok || kind.Kind == "ReplicaSet" && isRollout(req, obj) {
		return nil, err
	}
	old, err := before[scalable](req)
	if err != nil {
		return nil, err
	}
	var was *int32
	if old != nil {
		was = ptr.To(orOne(old.Spec.Replicas))
	}
	return c.unlessAutoscaled(ctx, req, kind.GroupKind(), orOne(obj.Spec.Replicas), was)
}

// unlessAutoscaled judges the replicas of what an autoscaler may scale, which is asked about only if they are too few.
// One leaves alone what has none.
func (c replicaCheck) unlessAutoscaled(
	ctx context.Context, req *handler.Request, kind schema.GroupKind, n int32, was *int32,
) ([]handler.Violation, error) {
	violations := c.limits.violations(field.NewPath("spec", "replicas"), "replicas", n, was)
	if len(violations) == 0 || n == 0 || n >= c.limits.Min || !c.limits.ReadsCluster() || req.Name == "" {
		return violations, nil
	}
	find, err := finderOf(ctx, c.env, autoscalers())
	if err != nil {
		return nil, err
	}
	fewest := -1
	err = find(view.Query{Key: scaled(kind, req.Name), In: req.Namespace}, func(found view.Found[int]) bool {
		fewest = found.Value
		return false
	})
	switch {
	case err != nil:
		return nil, err
	case fewest >= int(c.limits.Min):
		return nil, nil
	case fewest > 0:
		violations[0] = handler.Violationf(field.NewPath("spec", "replicas"),
			"replicas: %d is too few, and the minReplicas of its HorizontalPodAutoscaler, %d, as well; the smallest number "+
				"is %d", n, fewest, c.limits.Min)
	}
	return violations, nil
}

// isRollout says whether the deployment controller does its work on a ReplicaSet. Others may write down any owner, and
// may scale a ReplicaSet that has one. Without a user it is no request of an API server, but a manifest.
func isRollout(req *handler.Request, obj metav1.Object) bool {
	return isOfDeployment(obj) &&
		slices.Contains([]string{
			"system:serviceaccount:kube-system:deployment-controller", "system:kube-controller-manager", "",
		}, req.UserInfo.Username)
}

// before is the object before an update, and nil if there was none.
func before[T any](req *handler.Request) (*T, error) {
	if req.Operation != admissionv1.Update {
		return nil, nil
	}
	old, err := handler.OldObject[T](req)
	if errors.Is(err, handler.ErrNoObject) {
		return nil, nil
	}
	return old, err
}

// orOne is the number of replicas, which is 1 if none is written down.
func orOne(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}

// scaled reads a Scale. It says 0 by leaving the number out.
func (c replicaCheck) scaled(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	scale, ok, err := objectOf[autoscalingv1.Scale](req, autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	if err != nil || !ok {
		return nil, err
	}
	old, err := before[autoscalingv1.Scale](req)
	if err != nil {
		return nil, err
	}
	var was *int32
	if old != nil {
		was = &old.Spec.Replicas
	}
	return c.unlessAutoscaled(ctx, req, scaledKind(req), scale.Spec.Replicas, was)
}

// scaledKind is the kind whose scale subresource it is.
func scaledKind(req *handler.Request) schema.GroupKind {
	kinds := map[string]string{
		"deployments": "Deployment", "statefulsets": "StatefulSet", "replicasets": "ReplicaSet",
		"replicationcontrollers": "ReplicationController",
	}
	return schema.GroupKind{Group: req.Resource.Group, Kind: kinds[req.Resource.Resource]}
}

func (c replicaCheck) autoscaled(req *handler.Request) ([]handler.Violation, error) {
	hpa, ok, err := objectOf[autoscalingv2.HorizontalPodAutoscaler](req,
		autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"))
	if err != nil || !ok {
		return nil, err
	}
	old, err := before[autoscalingv2.HorizontalPodAutoscaler](req)
	if err != nil {
		return nil, err
	}
	var wasMin, wasMax *int32
	if old != nil {
		wasMin, wasMax = ptr.To(orOne(old.Spec.MinReplicas)), &old.Spec.MaxReplicas
	}
	spec := field.NewPath("spec")
	return append(c.limits.violations(spec.Child("minReplicas"), "minReplicas", orOne(hpa.Spec.MinReplicas), wasMin),
		c.limits.violations(spec.Child("maxReplicas"), "maxReplicas", hpa.Spec.MaxReplicas, wasMax)...), nil
}

// violations judges a number of replicas, and what it was before, nil for nothing.
func (p replicaLimits) violations(path *field.Path, name string, n int32, was *int32) []handler.Violation {
	switch {
	case n == 0 && p.AllowZero:
		return nil
	case was != nil && p.isCloser(n, *was):
		return nil
	case n < p.Min:
		return []handler.Violation{handler.Violationf(path, "%s: %d is too few; the smallest number is %d", name, n, p.Min)}
	case p.Max > 0 && n > p.Max:
		return []handler.Violation{handler.Violationf(path, "%s: %d is too many; the largest number is %d", name, n, p.Max)}
	}
	return nil
}

// isCloser says whether a number that was outside of the limits has not gone further away from them.
func (p replicaLimits) isCloser(n, was int32) bool {
	if was == 0 && p.AllowZero {
		return false
	}
	return was <= n && n < p.Min || p.Max > 0 && was >= n && n > p.Max
}
