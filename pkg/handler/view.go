// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
)

// View says what is kept of each object of a type in place of the object, and by which keys that is found. It stands in
// [Definition.Reads], and is read with its methods Get, Find and Reader, from [Environment.Cluster]. Make one with
// [NewView]. It holds no objects and may be shared.
type View[T any] = view.View[T]

// Kept is what a [View] keeps of one object: a value, which must not refer to the object, and the keys that find it.
type Kept[T any] = view.Kept[T]

// Key is something that a [View] finds objects by, with a note that is returned with what is found.
type Key = view.Key

// Query says what to find in a [View]: a key, and the namespace to look in or to leave out.
type Query = view.Query

// Found is what a [View] keeps of an object that was found.
type Found[T any] = view.Found[T]

// NewView makes a view of the objects of a type, of which obj is an empty object and list an empty list. All views in a
// process that have the same name and are of the same type have to be equal: they share what is kept. Keep returns what
// is kept of an object, or false for one of which nothing need be known. It must be a function of the object alone, and
// must not change it.
func NewView[O client.Object, T any](
	name string, obj O, list client.ObjectList, keep func(O) (Kept[T], bool),
) *View[T] {
	return view.New(name, obj, list, keep)
}

// NamespaceLabels is the view of the labels of Namespaces. A check that looks nothing else up about them reads it in
// place of whole Namespaces.
func NamespaceLabels() *View[labels.Set] {
	return NewView("labels", &corev1.Namespace{}, &corev1.NamespaceList{},
		func(namespace *corev1.Namespace) (Kept[labels.Set], bool) {
			return Kept[labels.Set]{Value: namespace.Labels}, true
		})
}
