// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/lean"
	"github.com/hookstrap/hookstrap/internal/patch"
)

// Mutation changes the objects of admission requests. It is used by many requests at the same time, and must have no
// side effects: requests may be dry runs, may be repeated, and may still be denied. It has to leave alone what it has
// made itself: an API server may ask again about the result, which others may have changed in between. Make one with
// [MutateFor].
//
// A mutation that is a [Selector] is asked about what it selects; the others are asked about creates and updates of
// objects, and not about subresources.
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

// Edit returns the object of a request, in JSON, with what fn changes in it, or nil if that is nothing. The object is
// decoded into a new T for fn alone. Fields that T does not know stay as they are, unless fn removes the object that
// they are in; an item of a list is known by its contents, its name, or its place. The error is that of fn, or says
// that the object cannot be read; it is [ErrNoObject] if there is none.
func Edit[T any](req *Request, fn func(obj *T) error) ([]byte, error) {
	obj := new(T)
	return EditAs(req, obj, func() error { return fn(obj) })
}

// EditAs is as [Edit], for a type that is not known before: obj is a pointer to an empty object, into which the object
// is decoded before fn is called.
func EditAs(req *Request, obj any, fn func() error) ([]byte, error) {
	raw := req.AdmissionRequest.Object.Raw
	if err := DecodeObject(req, obj); err != nil {
		return nil, err
	}
	before, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("cannot write %T as JSON: %w", obj, err)
	}
	if err := fn(); err != nil {
		return nil, err
	}
	after, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("cannot write the changed %T as JSON: %w", obj, err)
	}
	if bytes.Equal(before, after) {
		return nil, nil
	}
	documents, err := req.documents(raw, before, after)
	if err != nil {
		return nil, err
	}
	return patch.Bytes(patch.Merge(documents[0], documents[1], documents[2]))
}

// DecodeObject decodes the object in the request into obj, a pointer, for the caller alone; [Object] is for types that
// are known before, and shares what it has decoded. The error is [ErrNoObject] if the request has no object.
func DecodeObject(req *Request, obj any) error {
	return req.decode(req.AdmissionRequest.Object.Raw, obj)
}

// DecodeOldObject is as [DecodeObject], for the object as it was before an update or delete.
func DecodeOldObject(req *Request, obj any) error {
	return req.decode(req.AdmissionRequest.OldObject.Raw, obj)
}

func (r *Request) decode(raw []byte, obj any) error {
	if len(raw) == 0 {
		return fmt.Errorf("cannot read the object as %s: %w", reflect.TypeOf(obj).Elem(), ErrNoObject)
	}
	if err := lean.DecodeInto(obj, r.lean(raw)); err != nil {
		return fmt.Errorf("cannot read the object as %s: %w", reflect.TypeOf(obj).Elem(), err)
	}
	return nil
}

// lean is an object in JSON that is decoded with the memory of the request.
func (r *Request) lean(raw []byte) lean.Object {
	object := lean.Object{Raw: raw}
	if r.memory != nil {
		object.Memory = r.memory
	}
	return object
}

// documents reads objects in JSON as far as has to be, if there is memory for all of them.
func (r *Request) documents(objects ...[]byte) ([]any, error) {
	documents := make([]any, len(objects))
	for i, raw := range objects {
		if err := r.lean(raw).Bound(&documents[i], raw); err != nil {
			return nil, fmt.Errorf("cannot compare the object: %w", err)
		}
		var err error
		if documents[i], err = patch.Lazy(raw); err != nil {
			return nil, fmt.Errorf("cannot compare the object: %w", err)
		}
	}
	return documents, nil
}

// with is the same request about the object as a mutation has changed it.
func (r *Request) with(object []byte) *Request {
	changed := &Request{AdmissionRequest: r.AdmissionRequest, memory: r.memory}
	changed.AdmissionRequest.Object.Raw = object
	return changed
}
