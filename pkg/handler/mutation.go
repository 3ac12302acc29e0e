// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Mutation changes the objects of admission requests. It is used by many requests at the same time, and must have no
// side effects: requests may be dry runs, may be repeated, and may still be denied. It has to leave alone what it has
// made itself: an API server may ask again about the result, which others may have changed in between. Make one with
// [MutateFor].
//
// A mutation that is a [Selector] is asked about what it selects; the others are asked about creates and updates of
// objects, and not about subresources. One that sets what no update may change needs [OnCreate].
type Mutation interface {
	// Name is how people know the mutation; see [Check].
	Name() string
	// Mutate returns the whole object of the request as it should be, in JSON, or nil to leave it as it is. An error says
	// that the mutation could not tell. The context carries a logger (klog.FromContext) and the deadline. [Edit] makes
	// the object in a way that keeps what a Go type does not know.
	Mutate(ctx context.Context, req *Request) (object []byte, err error)
}

// MutateFor makes a mutation of a function that changes objects of one built-in type, such as *corev1.Pod; the patch
// (RFC 6902) is made of what it has changed. The object is its own. Requests for other kinds pass. With
// [metav1.PartialObjectMetadata] the function changes the metadata of objects of every kind. If it returns an error,
// the mutation has failed, and nothing is changed by it.
//
// Another version of the kind makes the mutation fail, and a T that is no type of the Kubernetes API is a panic, as
// with [CheckFor]; for custom resources there is [MutateForKind].
func MutateFor[T any](name string, fn func(ctx context.Context, req *Request, obj *T) error) Mutation {
	return &typedMutation[T]{name: name, kinds: kindsOf[T]("mutation", name, "MutateForKind"), fn: fn}
}

// MutateForKind is as [MutateFor], for objects of the given kind: a custom resource, or a struct of one's own with only
// the fields that matter. Fields that T does not have stay as they are.
func MutateForKind[T any](
	name string, kind schema.GroupVersionKind, fn func(ctx context.Context, req *Request, obj *T) error,
) Mutation {
	return &typedMutation[T]{name: name, kinds: kinds{kind}, fn: fn}
}

// typedMutation changes objects of type T, which have one of the kinds.
type typedMutation[T any] struct {
	name  string
	kinds kinds
	fn    func(ctx context.Context, req *Request, obj *T) error
}

func (m *typedMutation[T]) Name() string { return m.name }

func (m *typedMutation[T]) Mutate(ctx context.Context, req *Request) ([]byte, error) {
	applies, err := m.kinds.have(schema.GroupVersionKind(req.Kind))
	if err != nil || !applies {
		return nil, err
	}
	return Edit(req, func(obj *T) error { return m.fn(ctx, req, obj) })
}

// with is the same request about the object as a mutation has changed it.
func (r *Request) with(object []byte) *Request {
	changed := &Request{AdmissionRequest: r.AdmissionRequest, memory: r.memory}
	changed.AdmissionRequest.Object.Raw = object
	return changed
}
