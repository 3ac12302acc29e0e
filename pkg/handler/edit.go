// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hookstrap/hookstrap/internal/lean"
	"github.com/hookstrap/hookstrap/internal/patch"
)

// Edit returns the object of a request, in JSON, with what fn changes in it, or nil if that is nothing. The object is
// decoded into a new T for fn alone. Fields that T does not know stay as they are, unless fn removes the object that
// they are in; an item of a list is known by its place, its contents, or its name. The error is that of fn, or says
// that the object cannot be read, or that items of a list which have such fields cannot be told apart any more; it is
// [ErrNoObject] if there is no object.
//
// The managed fields are left out of types of the Kubernetes API, and stay as they are: API servers do not let
// webhooks change them.
func Edit[T any](req *Request, fn func(obj *T) error) ([]byte, error) {
	obj := new(T)
	return EditAs(req, obj, func() error { return fn(obj) })
}

// EditAs is as [Edit], for a type that is not known before: obj is a pointer to an empty object, into which the object
// is decoded before fn is called.
func EditAs(req *Request, obj any, fn func() error) ([]byte, error) {
	as := reflect.TypeOf(obj)
	req.editedAs.Store(&as)
	shape := lean.WithoutManagedFields
	if _, ok := obj.(*metav1.PartialObjectMetadata); ok {
		shape = lean.Partial
	}
	if err := req.decode(req.AdmissionRequest.Object.Raw, obj, shape); err != nil {
		return nil, err
	}
	before, err := snapshotOf(obj)
	if err != nil {
		return nil, err
	}
	if err := fn(); err != nil {
		return nil, err
	}
	was, is, err := before.changed(obj)
	if err != nil || bytes.Equal(was, is) {
		return nil, err
	}
	return req.edit(was, is, as)
}

// EditedAs returns the type that [Edit] or [EditAs] has decoded the object of the request into last, a pointer, or nil
// if none has. A test of a mutation finds out with it what the type knows.
func (r *Request) EditedAs() reflect.Type {
	if as := r.editedAs.Load(); as != nil {
		return *as
	}
	return nil
}

// snapshot is an object as it was: a copy of it, or else JSON.
type snapshot struct {
	copied any
	text   []byte
}

// snapshotOf copies types of the Kubernetes API. Of others it is not known whether their copies share nothing with
// them.
func snapshotOf(obj any) (snapshot, error) {
	if o, ok := obj.(runtime.Object); ok && lean.IsKubernetes(reflect.TypeOf(obj).Elem()) {
		return snapshot{copied: o.DeepCopyObject()}, nil
	}
	text, err := asJSON(obj)
	return snapshot{text: text}, err
}

// changed returns in JSON what the object was and what it is. Of a copy, that is only what differs.
func (s snapshot) changed(obj any) (was, is []byte, err error) {
	was = s.text
	if s.copied != nil {
		before, after := patch.Differing(s.copied, obj)
		if before == nil {
			return nil, nil, nil
		}
		if was, err = asJSON(before); err != nil {
			return nil, nil, err
		}
		obj = after
	}
	is, err = asJSON(obj)
	return was, is, err
}

func asJSON(obj any) ([]byte, error) {
	text, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("cannot write %T as JSON: %w", obj, err)
	}
	return text, nil
}

// edited is what the object of a request was made into, and how the two differ.
type edited struct {
	object  []byte
	changes []Change
}

// edit returns the object with the change that a Go value which was decoded from it has seen.
func (r *Request) edit(was, is []byte, as reflect.Type) ([]byte, error) {
	raw := r.AdmissionRequest.Object.Raw
	for _, text := range [][]byte{raw, was, is} {
		if err := r.boundLevels(text); err != nil {
			return nil, err
		}
	}
	document := patch.Known(raw) // as it was decoded
	merged, err := patch.Merge(document, patch.Known(was), patch.Known(is), as)
	if err != nil {
		return nil, err
	}
	object, err := patch.Bytes(merged, len(raw)+len(is))
	if err != nil {
		return nil, err
	}
	// The caller may do with the object as it likes, so that it is compared with this one later.
	r.edited.Store(&edited{bytes.Clone(object), patch.Diff(document, merged)})
	return object, nil
}

// changes are what makes another object of that of a request.
func (r *Request) changes(object []byte) ([]Change, error) {
	raw := r.AdmissionRequest.Object.Raw
	if bytes.Equal(object, raw) {
		return nil, nil
	}
	if known := r.edited.Load(); known != nil && bytes.Equal(object, known.object) {
		return known.changes, nil
	}
	before, err := r.document(raw)
	if err != nil {
		return nil, err
	}
	after, err := r.document(object)
	if err != nil {
		return nil, err
	}
	return patch.Diff(before, after), nil
}

// document reads an object in JSON as far as has to be.
func (r *Request) document(raw []byte) (any, error) {
	document, err := patch.Lazy(raw)
	if err != nil {
		return nil, fmt.Errorf("cannot compare the object: %w", err)
	}
	return document, r.boundLevels(raw)
}

// boundLevels returns an error if there is no memory for all of an object in JSON.
func (r *Request) boundLevels(raw []byte) error {
	if err := r.lean(raw).BoundLevels(raw); err != nil {
		return fmt.Errorf("cannot compare the object: %w", err)
	}
	return nil
}

// DecodeObject decodes the object in the request into obj, a pointer to an empty object, for the caller alone; [Object]
// is for types that are known before, and shares what it has decoded. The error is [ErrNoObject] if the request has no
// object.
func DecodeObject(req *Request, obj any) error {
	return req.decode(req.AdmissionRequest.Object.Raw, obj, nil)
}

// DecodeOldObject is as [DecodeObject], for the object as it was before an update or delete.
func DecodeOldObject(req *Request, obj any) error {
	return req.decode(req.AdmissionRequest.OldObject.Raw, obj, nil)
}

func (r *Request) decode(raw []byte, obj any, shape lean.Shape) error {
	if len(raw) == 0 {
		return fmt.Errorf("cannot read the object as %s: %w", reflect.TypeOf(obj).Elem(), ErrNoObject)
	}
	if err := lean.DecodeTyped(obj, r.lean(raw), shape); err != nil {
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
