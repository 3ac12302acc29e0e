// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PodTemplate is the part of an object that describes a Pod.
type PodTemplate struct {
	Metadata *metav1.ObjectMeta
	Spec     *corev1.PodSpec
	// Path is where Spec is in the object: "spec" in a Pod, "spec.template.spec" in a Deployment.
	Path *field.Path

	imageParts []string // once a violation has asked for them
}

// isTemplate says whether it is a template of Pods, and no Pod.
func (t PodTemplate) isTemplate() bool { return t.Path.String() != "spec" }

// PodSpecOf returns what describes a Pod in obj, which is a pointer to a Pod, PodTemplate, ReplicationController,
// Deployment, ReplicaSet, StatefulSet, DaemonSet, Job or CronJob of their v1 APIs. It is false for any other object,
// and for a ReplicationController without a template. Nothing is copied.
func PodSpecOf(obj any) (PodTemplate, bool) {
	spec := field.NewPath("spec")
	switch o := obj.(type) {
	case *corev1.Pod:
		return PodTemplate{Metadata: &o.ObjectMeta, Spec: &o.Spec, Path: spec}, true
	case *corev1.PodTemplate:
		return templateAt(field.NewPath("template"), &o.Template)
	case *corev1.ReplicationController:
		return templateAt(spec.Child("template"), o.Spec.Template)
	case *appsv1.Deployment:
		return templateAt(spec.Child("template"), &o.Spec.Template)
	case *appsv1.ReplicaSet:
		return templateAt(spec.Child("template"), &o.Spec.Template)
	case *appsv1.StatefulSet:
		return templateAt(spec.Child("template"), &o.Spec.Template)
	case *appsv1.DaemonSet:
		return templateAt(spec.Child("template"), &o.Spec.Template)
	case *batchv1.Job:
		return templateAt(spec.Child("template"), &o.Spec.Template)
	case *batchv1.CronJob:
		return templateAt(spec.Child("jobTemplate", "spec", "template"), &o.Spec.JobTemplate.Spec.Template)
	}
	return PodTemplate{}, false
}

func templateAt(path *field.Path, template *corev1.PodTemplateSpec) (PodTemplate, bool) {
	if template == nil {
		return PodTemplate{}, false
	}
	return PodTemplate{Metadata: &template.ObjectMeta, Spec: &template.Spec, Path: path.Child("spec")}, true
}

// podContainer is a container of any of the three sorts.
type podContainer struct {
	*corev1.Container
	// title is its name, as messages have it.
	title string
	// sort is how people call it: "container", "init container" or ephemeral.
	sort string
	// list has it, at the index, in the specification at the place.
	in    *field.Path
	list  string
	index int
	// debug is the same if it is ephemeral.
	debug *corev1.EphemeralContainer

	imageDigest string // once a violation has asked for it
}

// path is where it is in the object. Most containers break no rule: they are never asked.
func (c podContainer) path() *field.Path { return c.in.Child(c.list).Index(c.index) }

// addTo adds it to the containers of its sort.
func (c podContainer) addTo(spec *corev1.PodSpec) {
	switch c.sort {
	case ephemeral:
		spec.EphemeralContainers = append(spec.EphemeralContainers, *c.debug)
	case initial:
		spec.InitContainers = append(spec.InitContainers, *c.Container)
	default:
		spec.Containers = append(spec.Containers, *c.Container)
	}
}

// ephemeral is how people call a container for debugging, and initial one that runs before the others.
const ephemeral, initial = "ephemeral container", "init container"

// containersOf lists the containers of all three sorts: init and ephemeral ones run code like any other.
func containersOf(pod PodTemplate) []podContainer {
	list := make([]podContainer, 0,
		len(pod.Spec.InitContainers)+len(pod.Spec.Containers)+len(pod.Spec.EphemeralContainers))
	add := func(c *corev1.Container, debug *corev1.EphemeralContainer, sort, in string, index int) {
		list = append(list, podContainer{
			Container: c, debug: debug, title: brief(c.Name), sort: sort, in: pod.Path, list: in, index: index,
		})
	}
	for i := range pod.Spec.InitContainers {
		add(&pod.Spec.InitContainers[i], nil, initial, "initContainers", i)
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i], nil, "container", "containers", i)
	}
	for i := range pod.Spec.EphemeralContainers {
		debug := &pod.Spec.EphemeralContainers[i]
		add((*corev1.Container)(&debug.EphemeralContainerCommon), debug, ephemeral, "ephemeralContainers", i)
	}
	return list
}
