// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// podOf returns what describes a Pod in the request's object; it is false for kinds that have no Pod. It comes without
// what no check looks at, which can be most of an object, and without the resources, environment and mounts of
// containers, for which see resourcesOf, environmentOf and withMounts.
func podOf(req *handler.Request) (PodTemplate, bool, error) {
	return partOf[checked](req, newObject)
}

// imagesOf is as podOf, for checks that look at nothing but the names and images of containers and volumes. Most of a
// Pod need then not be decoded, unless another check wanted it decoded already.
func imagesOf(req *handler.Request) (PodTemplate, bool, error) {
	if pod, ok, err := partOf[checked](req, decodedObject); ok || err != nil {
		return pod, ok, err
	}
	pod, ok, err := partOf[imaged](req, newObject)
	if ok && pod.isTemplate() && slices.ContainsFunc(pod.Spec.Containers, isFilledIn) {
		return podOf(req) // with the labels that say who fills it in
	}
	return pod, ok, err
}

// resourcesOf is as podOf, for the names, images and resources of containers, and for the resources of the Pod.
func resourcesOf(req *handler.Request) (PodTemplate, bool, error) {
	return partOf[resourced](req, newObject)
}

// resourcesBefore is as resourcesOf, for the object before an update.
func resourcesBefore(req *handler.Request) (PodTemplate, bool, error) {
	return partOf[resourced](req, oldObject)
}

// environmentOf is as podOf, for the names of containers, and the names and values of variables of their environment.
func environmentOf(req *handler.Request) (PodTemplate, bool, error) {
	return partOf[environed](req, newObject)
}

// withMounts returns a copy of what podOf has returned, with the volume mounts of its containers. It is for Pods that
// have a volume that one has to be careful with.
func withMounts(req *handler.Request, pod PodTemplate) (PodTemplate, error) {
	mounts, ok, err := partOf[mounted](req, newObject)
	if err != nil || !ok {
		return pod, err
	}
	spec := *pod.Spec
	spec.InitContainers = slices.Clone(spec.InitContainers)
	spec.Containers = slices.Clone(spec.Containers)
	spec.EphemeralContainers = slices.Clone(spec.EphemeralContainers)
	pod = pod.with(&spec)
	to, from := containersOf(pod), containersOf(mounts)
	for i := range min(len(to), len(from)) { // they are of the same object
		to[i].VolumeMounts = from[i].VolumeMounts
	}
	return pod, nil
}

// source is which object of a request is read.
type source int

const (
	newObject source = iota
	// decodedObject is the new one as well, but only if it has been decoded already.
	decodedObject
	oldObject
)

// partOf returns a part of what describes a Pod.
func partOf[P part](req *handler.Request, from source) (PodTemplate, bool, error) {
	kind := schema.GroupVersionKind(req.Kind)
	read := readerOf[P](kind.GroupKind())
	if read == nil {
		return PodTemplate{}, false, nil
	}
	// All these kinds are v1. Another version, should there ever be one, must not be a way around the checks.
	if kind.Version != "v1" {
		return PodTemplate{}, false, handler.VersionError(kind, "v1")
	}
	found, path, err := read(req, from)
	if err != nil || found == nil {
		return PodTemplate{}, false, err
	}
	return PodTemplate{Metadata: &found.Metadata, Spec: &found.Spec, Path: path}, true, nil
}

// reader finds the template in the object of a request, and where it is. There may be none.
type reader[P part] func(req *handler.Request, from source) (*template[P], *field.Path, error)

// readerOf returns how to read a kind that PodSpecOf knows, and nil for any other.
func readerOf[P part](kind schema.GroupKind) reader[P] {
	switch kind {
	case schema.GroupKind{Kind: "Pod"}:
		return ofPod[P]
	case schema.GroupKind{Kind: "PodTemplate"}:
		return ofPodTemplate[P]
	case schema.GroupKind{Kind: "ReplicationController"}:
		return ofReplicationController[P]
	case schema.GroupKind{Group: appsv1.GroupName, Kind: "Deployment"},
		schema.GroupKind{Group: appsv1.GroupName, Kind: "ReplicaSet"},
		schema.GroupKind{Group: appsv1.GroupName, Kind: "StatefulSet"},
		schema.GroupKind{Group: appsv1.GroupName, Kind: "DaemonSet"},
		schema.GroupKind{Group: batchv1.GroupName, Kind: "Job"}:
		return ofController[P]
	case schema.GroupKind{Group: batchv1.GroupName, Kind: "CronJob"}:
		return ofCronJob[P]
	}
	return nil
}

// object returns an object of the request as a T, nil if it should have been decoded as one and has not.
func object[T any](req *handler.Request, from source) (*T, error) {
	switch from {
	case decodedObject:
		obj, _ := handler.Decoded[T](req)
		return obj, nil
	case oldObject:
		return handler.OldObject[T](req)
	default:
		return handler.Object[T](req)
	}
}

func ofPod[P part](req *handler.Request, from source) (*template[P], *field.Path, error) {
	pod, err := object[template[P]](req, from)
	return pod, field.NewPath("spec"), err
}

func ofPodTemplate[P part](req *handler.Request, from source) (*template[P], *field.Path, error) {
	obj, err := object[withTemplate[P]](req, from)
	if obj == nil || err != nil {
		return nil, nil, err
	}
	return orEmpty(obj.Template), field.NewPath("template", "spec"), nil
}

// ofReplicationController may find no template, unlike the others.
func ofReplicationController[P part](req *handler.Request, from source) (*template[P], *field.Path, error) {
	obj, err := object[withSpec[P]](req, from)
	if obj == nil || err != nil {
		return nil, nil, err
	}
	return obj.Spec.Template, field.NewPath("spec", "template", "spec"), nil
}

func ofController[P part](req *handler.Request, from source) (*template[P], *field.Path, error) {
	obj, err := object[withSpec[P]](req, from)
	if obj == nil || err != nil {
		return nil, nil, err
	}
	return orEmpty(obj.Spec.Template), field.NewPath("spec", "template", "spec"), nil
}

func ofCronJob[P part](req *handler.Request, from source) (*template[P], *field.Path, error) {
	obj, err := object[withJobTemplate[P]](req, from)
	if obj == nil || err != nil {
		return nil, nil, err
	}
	path := field.NewPath("spec", "jobTemplate", "spec", "template", "spec")
	return orEmpty(obj.Spec.JobTemplate.Spec.Template), path, nil
}

// orEmpty is what the API server makes of a template that is missing.
func orEmpty[P part](t *template[P]) *template[P] {
	if t == nil {
		return &template[P]{}
	}
	return t
}

// with is the same Pod with another specification.
func (t PodTemplate) with(spec *corev1.PodSpec) PodTemplate {
	t.Spec = spec
	return t
}
