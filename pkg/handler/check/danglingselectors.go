// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// around is what is known of the other objects in the namespace of one.
type around struct {
	env       handler.Environment
	namespace string
	complete  bool // what is not known is not there, in whatever namespace
}

// workloads are the views of what has Pods. A server does not watch Pods and Jobs, of which there are many, and which
// change all the time.
func (a around) workloads() []*view.View[workloadPods] {
	views := []*view.View[workloadPods]{
		deployments(), statefulSets(), daemonSets(), replicaSets(), replicationControllers(),
	}
	if a.env.Offline {
		views = append(views, jobs(), pods())
	}
	return views
}

// isPopulated says whether any workload is known.
func (a around) isPopulated(ctx context.Context) (bool, error) {
	for _, v := range a.workloads() {
		find, err := finderOf(ctx, a.env, v)
		if err != nil {
			return false, err
		}
		if known, err := hasKey(find, a.namespace, everyWorkload); known || err != nil {
			return known, err
		}
	}
	return false, nil
}

// hasKey says whether anything in a namespace has a key.
func hasKey[T any](find finder[T], namespace, key string) (found bool, err error) {
	err = find(view.Query{Key: key, In: namespace}, func(view.Found[T]) bool {
		found = true
		return false
	})
	return found, err
}

// ofService looks for the Pods of a Service. One that a controller has made is left to that: it may make the Pods, too,
// by kinds of its own.
func (a around) ofService(ctx context.Context, service *corev1.Service) ([]handler.Violation, error) {
	if len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName ||
		metav1.GetControllerOf(service) != nil {
		return nil, nil
	}
	selector := podSelection{a.namespace, labels.SelectorFromSet(service.Spec.Selector)}
	isSelected, ports := false, sets.New[string]()
	for _, v := range a.workloads() {
		find, err := finderOf(ctx, a.env, v)
		if err != nil {
			return nil, err
		}
		found, err := selector.of(ctx, find)
		if err != nil {
			return nil, err
		}
		for _, workload := range found {
			isSelected = true
			ports.Insert(workload.Value.ports...)
		}
	}
	if isSelected {
		return unnamedPorts(ctx, service, ports), ctx.Err()
	}
	if isKnown, err := a.isPopulated(ctx); err != nil || !isKnown && !a.complete {
		return nil, err
	}
	return []handler.Violation{handler.Violationf(field.NewPath("spec", "selector"),
		"no workload in namespace %q has Pods with the labels %s; correct them here or there, or create the workload first",
		a.namespace, brief(selector.selector.String()))}, nil
}

// unnamedPorts reports ports that lead to a name which no port of the Pods has. A number need not be declared.
func unnamedPorts(ctx context.Context, service *corev1.Service, ports sets.Set[string]) []handler.Violation {
	var violations []handler.Violation
	names := ""
	for i, port := range heeded(ctx, service.Spec.Ports) {
		if port.TargetPort.Type != intstr.String || port.TargetPort.StrVal == "" || ports.Has(port.TargetPort.StrVal) {
			continue
		}
		if names == "" {
			names = "it has none with a name"
			if ports.Len() > 0 {
				names = "there are: " + brief(strings.Join(sets.List(ports), ", "))
			}
		}
		v := handler.Violationf(field.NewPath("spec", "ports").Index(i).Child("targetPort"),
			"no container of the selected Pods has a port named %q; %s", port.TargetPort.StrVal, names)
		v.Identity = port.TargetPort.StrVal
		violations = append(violations, v)
	}
	return violations
}

// ofAutoscaler looks for what is scaled. Of kinds that are not Kubernetes' own nothing is known, and ReplicaSets of a
// Deployment are not kept.
func (a around) ofAutoscaler(
	ctx context.Context, scaler *autoscalingv2.HorizontalPodAutoscaler,
) ([]handler.Violation, error) {
	target := scaler.Spec.ScaleTargetRef
	kind := schema.FromAPIVersionAndKind(target.APIVersion, target.Kind).GroupKind()
	v := map[schema.GroupKind]*view.View[workloadPods]{
		{Group: appsv1.GroupName, Kind: "Deployment"}:  deployments(),
		{Group: appsv1.GroupName, Kind: "StatefulSet"}: statefulSets(),
		{Kind: "ReplicationController"}:                replicationControllers(),
	}[kind]
	switch {
	case v == nil:
		return nil, nil
	case a.env.Cluster == nil:
		return nil, errNoCluster
	}
	_, err := v.Get(ctx, a.env.Cluster, client.ObjectKey{Namespace: a.namespace, Name: target.Name})
	if !apierrors.IsNotFound(err) {
		return nil, cannotLook(err)
	}
	if isKnown, err := a.isPopulated(ctx); err != nil || !isKnown && !a.complete {
		return nil, err
	}
	return []handler.Violation{handler.Violationf(field.NewPath("spec", "scaleTargetRef", "name"),
		"%s %q is not in namespace %q; %s", target.Kind, target.Name, a.namespace, createdAnywhere)}, nil
}

// portNames are the names of the ports of containers, sorted. Sidecars, which are init containers, have some, too.
func portNames(spec *corev1.PodSpec) []string {
	var names []string
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			for _, port := range containers[i].Ports {
				if port.Name != "" {
					names = append(names, shared(port.Name))
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Clip(slices.Compact(names))
}
