// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"context"
	"errors"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// pods is a mutation of Pods, and of the templates of Pods in other kinds of Kubernetes. Pods and Jobs are changed when
// they are created: afterwards an API server takes no such change. An update of them may be one back to what was there
// before the mutation.
type pods struct {
	name   string
	change func(spec *corev1.PodSpec)
	// changePod changes Pods in place of change, unless it is nil.
	changePod func(spec *corev1.PodSpec)
	// keep puts what the mutation has changed in a Pod or a Job into an update which would take it back. It is nil if the
	// mutation only adds fields: an update by their manifest leaves these as they are.
	keep func(spec, old *corev1.PodSpec)
	// leaves says of the metadata of a Pod or a template that it is not changed. A nil one leaves none.
	leaves func(meta *metav1.ObjectMeta) bool
}

// Name implements [handler.Mutation].
func (m pods) Name() string { return m.name }

// LooksAt implements [handler.Looker]. ReplicaSets and the like are what people rarely write.
func (m pods) LooksAt() []handler.Look {
	created := []admissionv1.Operation{admissionv1.Create}
	if m.keep != nil {
		created = append(created, admissionv1.Update)
	}
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
		return editNew(m, isNew, func(o *corev1.Pod) (*metav1.ObjectMeta, *corev1.PodSpec) { return &o.ObjectMeta, &o.Spec })
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		return editNew(m, isNew, ofTemplate(func(o *batchv1.Job) *corev1.PodTemplateSpec { return &o.Spec.Template }))
	case schema.GroupKind{Kind: "PodTemplate"}:
		return editTemplate(m, func(o *corev1.PodTemplate) *corev1.PodTemplateSpec { return &o.Template })
	case schema.GroupKind{Kind: "ReplicationController"}:
		return editTemplate(m, templateOfController)
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		return editTemplate(m, func(o *appsv1.Deployment) *corev1.PodTemplateSpec { return &o.Spec.Template })
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return editTemplate(m, func(o *appsv1.StatefulSet) *corev1.PodTemplateSpec { return &o.Spec.Template })
	case schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
		return editTemplate(m, func(o *appsv1.DaemonSet) *corev1.PodTemplateSpec { return &o.Spec.Template })
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}:
		return editTemplate(m, templateOfReplicaSet)
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return editTemplate(m, func(o *batchv1.CronJob) *corev1.PodTemplateSpec { return &o.Spec.JobTemplate.Spec.Template })
	}
	return nil
}

// edit changes the specification of a Pod in an object, if there is one.
func edit[T any](m pods, podOf func(*T) (*metav1.ObjectMeta, *corev1.PodSpec)) func(*handler.Request) ([]byte, error) {
	return func(req *handler.Request) ([]byte, error) {
		return handler.Edit(req, func(obj *T) error {
			if meta, spec := podOf(obj); hasContainers(spec) && (m.leaves == nil || !m.leaves(meta)) {
				m.change(spec)
			}
			return nil
		})
	}
}

// editTemplate is as edit, for an object with a template of Pods.
func editTemplate[T any](m pods, templateOf func(*T) *corev1.PodTemplateSpec) func(*handler.Request) ([]byte, error) {
	return edit(m, ofTemplate(templateOf))
}

func ofTemplate[T any](templateOf func(*T) *corev1.PodTemplateSpec) func(*T) (*metav1.ObjectMeta, *corev1.PodSpec) {
	return func(obj *T) (*metav1.ObjectMeta, *corev1.PodSpec) {
		template := templateOf(obj)
		if template == nil {
			return nil, nil
		}
		return &template.ObjectMeta, &template.Spec
	}
}

// editNew is as edit, for an object whose Pods an update can hardly change: it only keeps what is there.
func editNew[T any](
	m pods, isNew bool, podOf func(*T) (*metav1.ObjectMeta, *corev1.PodSpec),
) func(*handler.Request) ([]byte, error) {
	switch {
	case isNew:
		return edit(m, podOf)
	case m.keep == nil:
		return nil
	}
	return func(req *handler.Request) ([]byte, error) {
		old, err := handler.OldObject[T](req)
		if errors.Is(err, handler.ErrNoObject) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		_, was := podOf(old)
		keeping := m
		keeping.change = func(spec *corev1.PodSpec) { m.keep(spec, was) }
		return edit(keeping, podOf)(req)
	}
}

// hasContainers says whether a specification is there: one without containers is refused by every API server.
func hasContainers(spec *corev1.PodSpec) bool {
	return spec != nil && len(spec.InitContainers)+len(spec.Containers) > 0
}

func templateOfController(o *corev1.ReplicationController) *corev1.PodTemplateSpec {
	return o.Spec.Template
}

// A Deployment's controller takes a ReplicaSet whose template was changed for another one than its own, and makes one
// after the other.
func templateOfReplicaSet(o *appsv1.ReplicaSet) *corev1.PodTemplateSpec {
	if metav1.GetControllerOf(o) != nil {
		return nil
	}
	return &o.Spec.Template
}

// isWindows says whether a Pod is for Windows, where an API server refuses what Linux alone has.
func isWindows(spec *corev1.PodSpec) bool {
	return spec.OS != nil && spec.OS.Name == corev1.Windows || spec.NodeSelector[corev1.LabelOSStable] == "windows"
}

// definePods defines a mutation of Pods without parameters.
func definePods(doc handler.Doc, m pods) handler.Definition {
	type none struct{}
	return handler.DefineMutation(m.name, doc, func() none { return none{} },
		func(none, handler.Environment) (handler.Mutation, error) { return m, nil })
}
