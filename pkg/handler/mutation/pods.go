// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"context"
	"slices"

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

// What is read of objects, which is no more than what may be changed.
type (
	pod struct {
		Spec *corev1.PodSpec `json:"spec,omitempty"`
	}
	template struct {
		Template *pod `json:"template,omitempty"`
	}
	workload struct {
		Spec *template `json:"spec,omitempty"`
	}
	replicaSet struct {
		Metadata controlled `json:"metadata"`
		Spec     *template  `json:"spec,omitempty"`
	}
	controlled struct {
		OwnerReferences []metav1.OwnerReference `json:"ownerReferences,omitempty"`
	}
	cronJob struct {
		Spec *struct {
			JobTemplate *workload `json:"jobTemplate,omitempty"`
		} `json:"spec,omitempty"`
	}
)

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
		if isNew {
			return edit(m.pod)
		}
	case schema.GroupKind{Kind: "PodTemplate"}:
		return edit(m.template)
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		if isNew {
			return edit(m.workload)
		}
	case schema.GroupKind{Kind: "ReplicationController"}, schema.GroupKind{Group: "apps", Kind: "Deployment"},
		schema.GroupKind{Group: "apps", Kind: "StatefulSet"}, schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return edit(m.workload)
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}:
		return edit(m.replicaSet)
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return edit(func(o *cronJob) {
			if o.Spec != nil && o.Spec.JobTemplate != nil {
				m.workload(o.Spec.JobTemplate)
			}
		})
	}
	return nil
}

func edit[T any](change func(*T)) func(req *handler.Request) ([]byte, error) {
	return func(req *handler.Request) ([]byte, error) {
		return handler.Edit(req, func(obj *T) error {
			change(obj)
			return nil
		})
	}
}

func (m pods) pod(o *pod) {
	if o.Spec != nil {
		m.change(o.Spec)
	}
}

func (m pods) template(o *template) {
	if o.Template != nil {
		m.pod(o.Template)
	}
}

func (m pods) workload(o *workload) {
	if o.Spec != nil {
		m.template(o.Spec)
	}
}

// A Deployment's controller takes a ReplicaSet whose template was changed for another one than its own, and makes one
// after the other.
func (m pods) replicaSet(o *replicaSet) {
	if o.Spec != nil && !o.Metadata.is() {
		m.template(o.Spec)
	}
}

// is says whether the object is one of a controller.
func (c controlled) is() bool {
	return slices.ContainsFunc(c.OwnerReferences, func(r metav1.OwnerReference) bool {
		return r.Controller != nil && *r.Controller
	})
}

// isWindows says whether a Pod is for Windows, where an API server refuses what Linux alone has.
func isWindows(spec *corev1.PodSpec) bool {
	return spec.OS != nil && spec.OS.Name == corev1.Windows || spec.NodeSelector[corev1.LabelOSStable] == "windows"
}

// definePods defines a mutation of Pods without parameters.
func definePods(name string, doc handler.Doc, change func(spec *corev1.PodSpec)) handler.Definition {
	type none struct{}
	return handler.DefineMutation(name, doc, func() none { return none{} },
		func(none, handler.Environment) (handler.Mutation, error) { return pods{name, change}, nil })
}
