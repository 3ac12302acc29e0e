// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// template is a Pod, or a template of Pods, of which a part is decoded.
type template[P part] struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

// withTemplate is an object that has a template at its top: a PodTemplate.
type withTemplate[P part] struct {
	Template *template[P] `json:"template"`
}

// withSpec is an object that has one in its specification: a Deployment, a Job and the like.
type withSpec[P part] struct {
	Spec withTemplate[P] `json:"spec"`
}

// withJobTemplate is an object that makes such objects: a CronJob.
type withJobTemplate[P part] struct {
	Spec struct {
		JobTemplate withSpec[P] `json:"jobTemplate"`
	} `json:"spec"`
}

// DecodeLean decodes the part; the others do so, too.
func (t *template[P]) DecodeLean(o lean.Object) error { return decodePart[P](t, o) }

func (t *withTemplate[P]) DecodeLean(o lean.Object) error { return decodePart[P](t, o) }

func (t *withSpec[P]) DecodeLean(o lean.Object) error { return decodePart[P](t, o) }

func (t *withJobTemplate[P]) DecodeLean(o lean.Object) error { return decodePart[P](t, o) }

// part is which part of a template is decoded.
type part interface {
	// of returns what to read, and of what: of the object, or the object as a whole if lean.Slim leaves out some of it.
	// There is no need to know where in the object the template is, as nothing else is called by the same names. No shape
	// stands for lean.Slim.
	of(o lean.Object) (lean.Object, lean.Shape)
}

func decodePart[P part](obj any, o lean.Object) error {
	var p P
	o, shape := p.of(o)
	if shape == nil {
		return lean.DecodeSlim(obj, o)
	}
	return lean.DecodePart(obj, o, shape)
}

// toContainers reads on with again on the way to the containers of a Pod, each of which item is for, and nothing else.
func toContainers(name []byte, again, item lean.Shape) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "spec", "template", "jobTemplate":
		return lean.Read, again
	case "initContainers", "containers", "ephemeralContainers":
		return lean.Read, item
	}
	return lean.Drop, nil
}

// checked is the part that most checks look at, which is what lean.Slim reads.
type checked struct{}

func (checked) of(o lean.Object) (lean.Object, lean.Shape) { return o, nil }

// imaged is the part that checks of images look at: the names of containers and volumes, and their images.
type imaged struct{}

func (imaged) of(o lean.Object) (lean.Object, lean.Shape) { return o, imagedIn }

func imagedIn(name []byte) (lean.Verdict, lean.Shape) {
	if string(name) == "volumes" {
		return lean.Read, imagedItem
	}
	return toContainers(name, imagedIn, imagedItem)
}

func imagedItem(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "name", "image":
		return lean.Read, nil
	}
	return lean.Drop, nil
}

// described are the labels and annotations of a template, and of what it is in.
type described struct{}

func (described) of(o lean.Object) (lean.Object, lean.Shape) { return o.Whole(), describedIn }

func describedIn(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "spec", "template", "jobTemplate":
		return lean.Read, describedIn
	case "metadata":
		return lean.Read, describedBy
	}
	return lean.Drop, nil
}

func describedBy(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "labels", "annotations":
		return lean.Read, nil
	}
	return lean.Drop, nil
}

// mounted is where containers mount volumes.
type mounted struct{}

func (mounted) of(o lean.Object) (lean.Object, lean.Shape) { return o.Whole(), mountedIn }

func mountedIn(name []byte) (lean.Verdict, lean.Shape) {
	return toContainers(name, mountedIn, mountedItem)
}

func mountedItem(name []byte) (lean.Verdict, lean.Shape) {
	if string(name) == "volumeMounts" {
		return lean.Read, nil
	}
	return lean.Drop, nil
}

// resourced are the names and images of containers, what resources they and the Pod want, and which are sidecars.
type resourced struct{}

func (resourced) of(o lean.Object) (lean.Object, lean.Shape) { return o.Whole(), resourcedIn }

func resourcedIn(name []byte) (lean.Verdict, lean.Shape) {
	if string(name) == "resources" {
		return lean.Read, nil
	}
	return toContainers(name, resourcedIn, resourcedItem)
}

func resourcedItem(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "name", "image", "resources", "restartPolicy":
		return lean.Read, nil
	}
	return lean.Drop, nil
}

// environed are the names of containers, and the variables of their environment that have a value.
type environed struct{}

func (environed) of(o lean.Object) (lean.Object, lean.Shape) { return o.Whole(), environedIn }

func environedIn(name []byte) (lean.Verdict, lean.Shape) {
	return toContainers(name, environedIn, environedItem)
}

func environedItem(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "name":
		return lean.Read, nil
	case "env":
		return lean.Read, variable
	}
	return lean.Drop, nil
}

func variable(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "name", "value":
		return lean.Read, nil
	}
	return lean.Drop, nil
}

// spread are the labels of Pods, and what keeps them apart.
type spread struct{}

func (spread) of(o lean.Object) (lean.Object, lean.Shape) { return o.Whole(), spreadIn }

func spreadIn(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "spec", "template", "jobTemplate":
		return lean.Read, spreadIn
	case "metadata":
		return lean.Read, describedBy
	case "affinity", "topologySpreadConstraints":
		return lean.Read, nil
	}
	return lean.Drop, nil
}

// referring is what names other objects: volumes, variables and the ServiceAccount. The values of variables are not
// read.
type referring struct{}

func (referring) of(o lean.Object) (lean.Object, lean.Shape) { return o.Whole(), referringIn }

func referringIn(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "volumes", "serviceAccountName", "serviceAccount":
		return lean.Read, nil
	}
	return toContainers(name, referringIn, referringItem)
}

func referringItem(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "name":
		return lean.Read, nil
	case "env", "envFrom":
		return lean.Read, referringVariable
	}
	return lean.Drop, nil
}

func referringVariable(name []byte) (lean.Verdict, lean.Shape) {
	if string(name) == "value" {
		return lean.Drop, nil
	}
	return lean.Read, nil
}
