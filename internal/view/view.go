// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// View says what is kept of each object of a type in place of the object, and by which keys that is found. It stands
// in a definition's list of what its check reads, beside or instead of empty objects of types that are kept whole. Make
// one with [New]. It holds no objects and may be shared.
type View[T any] struct {
	client.Object // an empty object of the type
	list          client.ObjectList
	name          string
	keep          func(client.Object) (Kept[T], bool)
}

// Kept is what is kept of one object.
type Kept[T any] struct {
	// Value is returned with what is found. It counts with all that it refers to, so it must not refer to the object.
	Value T
	// Keys are what the object can be found by.
	Keys []Key
}

// Key is something that objects are found by. Of several equal ones of an object one is kept.
type Key struct {
	// Text is compared with [Query.Key]. It may be long: what is kept of it is a digest.
	Text string
	// Note is returned with what is found; it is kept as it is.
	Note string
}

// Any is a [View] of values of any type.
type Any interface {
	client.Object
	// ViewName tells views of one type from each other.
	ViewName() string
	// Of returns an empty object of the type that the view is of, and an empty list of them.
	Of() (client.Object, client.ObjectList)
	project(obj client.Object) (value any, keys []Key, ok bool)
}

// New makes a view of the objects of a type, of which obj is an empty object and list an empty list. All views in a
// process that have the same name and are of the same type have to be equal: they share what is kept. Keep returns what
// is kept of an object, or false for one of which nothing need be known. It must be a function of the object alone, and
// must not change it.
func New[O client.Object, T any](
	name string, obj O, list client.ObjectList, keep func(O) (Kept[T], bool),
) *View[T] {
	return &View[T]{Object: obj, list: list, name: name, keep: func(obj client.Object) (Kept[T], bool) {
		return keep(obj.(O))
	}}
}

// TypeOf returns an empty object of the type that an entry in a list of what is read stands for: the type of a view, or
// the object itself.
func TypeOf(read client.Object) client.Object {
	if v, ok := read.(Any); ok {
		obj, _ := v.Of()
		return obj
	}
	return read
}

// Same says whether two entries in lists of what is read stand for the same: for views of one name and type, or for
// whole objects of one type.
func Same(a, b client.Object) bool { return Name(a) == Name(b) }

// Name tells an entry in a list of what is read from all that are not the same, as in "*v1.Ingress (routes)".
func Name(read client.Object) string {
	if v, ok := read.(Any); ok {
		return Name(TypeOf(read)) + " (" + v.ViewName() + ")"
	}
	name := reflect.TypeOf(read).String()
	switch read.(type) {
	case runtime.Unstructured, *metav1.PartialObjectMetadata: // which are of every kind
		return name + " of " + read.GetObjectKind().GroupVersionKind().String()
	}
	return name
}

// ViewName implements [Any].
func (v *View[T]) ViewName() string { return v.name }

// Of implements [Any].
func (v *View[T]) Of() (client.Object, client.ObjectList) { return v.Object, v.list }

func (v *View[T]) project(obj client.Object) (any, []Key, bool) {
	kept, ok := v.keep(obj)
	return kept.Value, kept.Keys, ok
}

// Cluster is a reader that keeps views. Any other reader is asked for the objects themselves, all of them each time.
type Cluster interface {
	client.Reader
	// View returns what is kept for a view, or an error if that is not known. If name is not empty and no object of that
	// name is known yet, it may wait a moment for one.
	View(ctx context.Context, v Any, name client.ObjectKey) (*Store, error)
}

// Query says what to find.
type Query struct {
	// Key is the text of a key.
	Key string
	// In is the namespace to look in; empty means all.
	In string
	// Outside is a namespace to leave out.
	Outside string
}

// Found is what is kept of an object that was found.
type Found[T any] struct {
	Namespace, Name, Note string
	Value                 T
}

// Get returns what is kept of an object. The error is NotFound also for one of which nothing is kept.
func (v *View[T]) Get(ctx context.Context, cluster client.Reader, name client.ObjectKey) (T, error) {
	var none T
	c, ok := cluster.(Cluster)
	if !ok {
		obj := v.DeepCopyObject().(client.Object)
		if err := cluster.Get(ctx, name, obj); err != nil {
			return none, err
		}
		if kept, ok := v.keep(obj); ok {
			return kept.Value, nil
		}
		return none, v.notFound(name)
	}
	s, err := c.View(ctx, v, name)
	if err != nil {
		return none, err
	}
	value, ok := s.Get(name)
	if !ok {
		if err := s.incomplete(Query{In: name.Namespace}); err != nil {
			return none, err
		}
		return none, v.notFound(name)
	}
	return value.(T), nil
}

func (v *View[T]) notFound(name client.ObjectKey) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: v.name}, name.String())
}

// Find calls visit for what is found, ordered by namespace, name and note, until it returns false. It fails if objects
// that might have been found are not kept for want of memory. Visit must not use the cluster.
func (v *View[T]) Find(ctx context.Context, cluster client.Reader, q Query, visit func(Found[T]) bool) error {
	s, err := v.store(ctx, cluster)
	if err != nil {
		return err
	}
	return find(s, q, visit)
}

// Reader returns a function that finds like [View.Find], for many questions about the same moment: a cluster that keeps
// no views is asked once.
func (v *View[T]) Reader(ctx context.Context, cluster client.Reader) (func(Query, func(Found[T]) bool) error, error) {
	s, err := v.store(ctx, cluster)
	if err != nil {
		return nil, err
	}
	return func(q Query, visit func(Found[T]) bool) error { return find(s, q, visit) }, nil
}

func find[T any](s *Store, q Query, visit func(Found[T]) bool) error {
	return s.find(q, func(r row) bool {
		return visit(Found[T]{r.entry.namespace, r.entry.name, r.note(), r.entry.value.(T)})
	})
}

func (v *View[T]) store(ctx context.Context, cluster client.Reader) (*Store, error) {
	if c, ok := cluster.(Cluster); ok {
		return c.View(ctx, v, client.ObjectKey{})
	}
	list := v.list.DeepCopyObject().(client.ObjectList)
	if err := cluster.List(ctx, list); err != nil {
		return nil, fmt.Errorf("listing all objects: %w", err)
	}
	return StoreOf(v, list)
}
