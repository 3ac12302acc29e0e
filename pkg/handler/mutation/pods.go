// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"context"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// pods is a mutation of Pods, and of the templates of Pods in other kinds of Kubernetes. Pods and Jobs are changed when
// they are created: afterwards an API server takes no such change.
type pods struct {
	name   string
	change func(spec *corev1.PodSpec)
	// changePod changes Pods in place of change, unless it is nil.
	changePod func(spec *corev1.PodSpec)
}

// Name implements [handler.Mutation].
func (m pods) Name() string { return m.name }

// LooksAt implements [handler.Looker]. ReplicaSets and the like are what people rarely write.
func (m pods) LooksAt() []handler.Look {
	created := []admissionv1.Operation{admissionv1.Create}
	return []handler.Look{
		{Kind: corev1.SchemeGroupVersion.WithKind("Pod"), Operations: created},
		{Kind: batchv1.SchemeGroupVersion.WithKind("Job"), Operations: created},
		{Kind: batchv1.SchemeGroupVersion.WithKind("CronJob")},
		{Kind: appsv1.SchemeGroupVersion.WithKind("Deployment")},
		{Kind: appsv1.SchemeGroupVersion.WithKind("StatefulSet")},
		{Kind: appsv1.SchemeGroupVersion.WithKind("DaemonSet")},
	}
}

// Mutate implements [handler.Mutation].
func (m pods) Mutate(_ context.Context, req *handler.Request) ([]byte, error) {
	edit := m.editorOf(schema.GroupKind{Group: req.Kind.Group, Kind: req.Kind.Kind}, req.Operation)
	switch {
	case edit == nil:
		return nil, nil
	case req.Kind.Version != "v1": // as all these kinds are
		return nil, handler.VersionError(schema.GroupVersionKind(req.Kind), "v1")
	}
	return edit(req)
}

// editorOf returns how to change a kind, nil if it is not changed.
func (m pods) editorOf(
	kind schema.GroupKind, operation admissionv1.Operation,
) func(req *handler.Request) ([]byte, error) {
	isNew := operation == admissionv1.Create
	switch kind {
	case schema.GroupKind{Kind: "Pod"}:
		if m.changePod != nil {
			m.change = m.changePod
		}
		if isNew {
			return edit(m, func(o *corev1.Pod) *corev1.PodSpec { return &o.Spec })
		}
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		if isNew {
			return edit(m, func(o *batchv1.Job) *corev1.PodSpec { return &o.Spec.Template.Spec })
		}
	case schema.GroupKind{Kind: "PodTemplate"}:
		return edit(m, func(o *corev1.PodTemplate) *corev1.PodSpec { return &o.Template.Spec })
	case schema.GroupKind{Kind: "ReplicationController"}:
		return edit(m, specOfController)
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return edit(m, func(o *appsv1.Deployment) *corev1.PodSpec { return &o.Spec.Template.Spec })
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return edit(m, func(o *appsv1.StatefulSet) *corev1.PodSpec { return &o.Spec.Template.Spec })
	case schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return edit(m, func(o *appsv1.DaemonSet) *corev1.PodSpec { return &o.Spec.Template.Spec })
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}:
		return edit(m, specOfReplicaSet)
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return edit(m, func(o *batchv1.CronJob) *corev1.PodSpec { return &o.Spec.JobTemplate.Spec.Template.Spec })
	}
	return nil
}

// edit changes the specification of a Pod in an object, if there is one.
func edit[T any](m pods, specOf func(*T) *corev1.PodSpec) func(req *handler.Request) ([]byte, error) {
	return func(req *handler.Request) ([]byte, error) {
		return handler.Edit(req, func(obj *T) error {
			if spec := specOf(obj); hasContainers(spec) {
				m.change(spec)
			}
			return nil
		})
	}
}

// hasContainers says whether a specification is there: one without containers is refused by every API server.
func hasContainers(spec *corev1.PodSpec) bool {
	return spec != nil && len(spec.InitContainers)+len(spec.Containers) > 0
}

func specOfController(o *corev1.ReplicationController) *corev1.PodSpec {
	if o.Spec.Template == nil {
		return nil
	}
	return &o.Spec.Template.Spec
}

// A Deployment's controller takes a ReplicaSet whose template was changed for another one than its own, and makes one
// after the other.
func specOfReplicaSet(o *appsv1.ReplicaSet) *corev1.PodSpec {
	if metav1.GetControllerOf(o) != nil {
		return nil
	}
	return &o.Spec.Template.Spec
}

// isWindows says whether a Pod is for Windows, where an API server refuses what Linux alone has.
func isWindows(spec *corev1.PodSpec) bool {
	return spec.OS != nil && spec.OS.Name == corev1.Windows || spec.NodeSelector[corev1.LabelOSStable] == "windows"
}

// definePods defines a mutation of Pods without parameters.
func definePods(name string, doc handler.Doc, change func(spec *corev1.PodSpec)) handler.Definition {
	type none struct{}
	return handler.DefineMutation(name, doc, func() none { return none{} },
		func(none, handler.Environment) (handler.Mutation, error) {
			return pods{name: name, change: change}, nil
		})
}
