// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handler/internal/lean"
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

func (t *template[P]) DecodeObject(raw []byte) error { return lean.DecodeInto(t, raw, shapeOf[P]()) }

func (t *withTemplate[P]) DecodeObject(raw []byte) error {
	return lean.DecodeInto(t, raw, pathTo(shapeOf[P]()))
}

func (t *withSpec[P]) DecodeObject(raw []byte) error {
	return lean.DecodeInto(t, raw, pathTo(shapeOf[P]()))
}

func (t *withJobTemplate[P]) DecodeObject(raw []byte) error {
	return lean.DecodeInto(t, raw, pathTo(shapeOf[P]()))
}

// pathTo is the shape of an object with a template at any of the places where there can be one.
func pathTo(template lean.Shape) lean.Shape {
	var path lean.Shape
	path = func(name []byte) (lean.Verdict, lean.Shape) {
		switch string(name) {
		case "template":
			return lean.Read, template
		case "spec", "jobTemplate":
			return lean.Read, path
		}
		return lean.Drop, nil
	}
	return path
}

// part is which part of a template is decoded.
type part interface {
	shape(name []byte) (lean.Verdict, lean.Shape)
}

func shapeOf[P part]() lean.Shape {
	var p P
	return p.shape
}

// checked is the part that checks look at: all but managed fields, status, and what containers are started with.
// A check that is to look at more has to be let see it here.
type checked struct{}

func (checked) shape(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "metadata":
		return lean.Read, lean.ObjectMeta
	case "spec":
		return lean.Read, checkedSpec
	}
	return lean.Drop, nil
}

func checkedSpec(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "initContainers", "containers", "ephemeralContainers":
		return lean.Read, checkedContainer
	}
	return lean.Read, nil
}

func checkedContainer(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "command", "args", "env", "envFrom":
		return lean.Drop, nil
	}
	return lean.Read, nil
}

// imaged is the part that checks of images look at: the names of containers and volumes, and their images.
type imaged struct{}

func (imaged) shape(name []byte) (lean.Verdict, lean.Shape) {
	if string(name) == "spec" {
		return lean.Read, imagedSpec
	}
	return lean.Drop, nil
}

func imagedSpec(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "initContainers", "containers", "ephemeralContainers", "volumes":
		return lean.Read, imagedItem
	}
	return lean.Drop, nil
}

func imagedItem(name []byte) (lean.Verdict, lean.Shape) {
	switch string(name) {
	case "name", "image":
		return lean.Read, nil
	}
	return lean.Drop, nil
}
