// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"reflect"
	"sync"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// Request is an admission request whose objects are decoded at most once for each type, however many checks look at
// them. Its methods and [Object] and [OldObject] may be used concurrently. Everything in it is read only.
type Request struct {
	admissionv1.AdmissionRequest

	object, oldObject decoded
	memory            *memory // nil sets a limit for each object alone
	// later is the update before which this one would have been, see before. They share what is decoded of the old object:
	// every check that has something to say about an update asks for it.
	later *Request

	templates templates
	edited    atomic.Pointer[edited]       // the last one
	editedAs  atomic.Pointer[reflect.Type] // the last one
}

// templates are the requests about the templates that are in the objects of one, by their path.
type templates struct {
	mu sync.Mutex
	of map[string]*Request
}

// NewRequest makes a Request, for tests of a check. Reviews of version v1beta1 are given to checks as v1, since the
// two are the same but for their name.
func NewRequest(r admissionv1.AdmissionRequest) *Request {
	return &Request{AdmissionRequest: r}
}

// Object returns the object in the request as a *T, shared with other callers. T is whatever the object's JSON fits:
// an API type, [metav1.PartialObjectMetadata], or a struct of only the fields a check needs.
// The error is [ErrNoObject] if the request has no object. An object of many fields and items may take a thousand times
// its size in memory; it is decoded if there is that much, as far as T has room for it, and is an error otherwise. See
// [Limits].
func Object[T any](req *Request) (*T, error) {
	return decodeObject[T](req.memo(), req.memory, req.AdmissionRequest.Object.Raw, "object")
}

// OldObject is as [Object], for the object as it was before an update or delete.
func OldObject[T any](req *Request) (*T, error) {
	return decodeObject[T](req.oldMemo(), req.memory, req.AdmissionRequest.OldObject.Raw, "oldObject")
}

// Metadata returns the metadata of the object in the request, without its managed fields, which are most of it and
// cost the most. It is shared with other callers. The error is [ErrNoObject] if the request has no object.
func Metadata(req *Request) (*metav1.ObjectMeta, error) {
	return metaOf(Object[metadata](req))
}

// OldMetadata is as [Metadata], for the object as it was before an update or delete.
func OldMetadata(req *Request) (*metav1.ObjectMeta, error) {
	return metaOf(OldObject[metadata](req))
}

// metadata is an object of any kind with nothing but its metadata.
type metadata struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
}

// DecodeLean decodes nothing but the metadata.
func (m *metadata) DecodeLean(o lean.Object) error { return lean.DecodePart(m, o, lean.Metadata) }

func metaOf(obj *metadata, err error) (*metav1.ObjectMeta, error) {
	if err != nil {
		return nil, err
	}
	return &obj.Metadata, nil
}

// before is the request that would leave the old object as it is.
func (r *Request) before() *Request {
	if r.later != nil {
		return r
	}
	old := &Request{AdmissionRequest: r.AdmissionRequest, memory: r.memory, later: r}
	old.AdmissionRequest.Object = r.AdmissionRequest.OldObject
	return old
}

func (r *Request) memo() *decoded {
	if r.later != nil {
		return r.later.oldMemo()
	}
	return &r.object
}

func (r *Request) oldMemo() *decoded {
	if r.later != nil {
		return r.later.oldMemo()
	}
	return &r.oldObject
}

// deletion is what objects have that are being deleted, and stands before what is large in them.
const deletion = `"deletionTimestamp"`

// cleansUp says whether the request is an update of an object that is being deleted, and changes nothing but its
// metadata, as who takes off a finalizer does. The rest of the object is in force until it is gone, and an update of it
// is one as any other. Only the old object is believed about the deletion: it comes from storage, while the new one is
// what the user says.
func (r *Request) cleansUp() bool {
	old := r.AdmissionRequest.OldObject.Raw
	if r.Operation != admissionv1.Update || !bytes.Contains(old, []byte(deletion)) {
		return false
	}
	var cleanup lean.Cleanup
	for _, part := range [][]byte{
		[]byte(`{"request":{"object":`), r.AdmissionRequest.Object.Raw, []byte(`,"oldObject":`), old, []byte(`}}`),
	} {
		_, _ = cleanup.Write(part) // It never fails.
	}
	return cleanup.Holds()
}

// Decoded returns the object in the request as a *T if [Object] has decoded it as one already, and does not decode it.
// A check that could do with less than a T finds out with it that there is a T to share.
func Decoded[T any](req *Request) (*T, bool) {
	memo := req.memo()
	memo.mu.Lock()
	defer memo.mu.Unlock()
	return find[T](memo.known)
}
