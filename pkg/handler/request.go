// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
)

// ErrNoObject is returned when a request does not carry the object that was asked for: deletes have no new object,
// creates have no old one.
var ErrNoObject = errors.New("the request carries no such object")

// Request is an admission request whose objects are decoded at most once for each type, however many checks look at
// them. Its methods and [Object] and [OldObject] may be used concurrently. Everything in it is read only.
type Request struct {
	admissionv1.AdmissionRequest

	object, oldObject decoded
}

// NewRequest makes a Request, for tests of a check. Reviews of version v1beta1 are given to checks as v1, since the
// two are the same but for their name.
func NewRequest(r admissionv1.AdmissionRequest) *Request {
	return &Request{AdmissionRequest: r}
}

// Object returns the object in the request as a *T, shared with other callers. T is whatever the object's JSON fits:
// an API type, [metav1.PartialObjectMetadata], or a struct of only the fields a check needs.
// The error is [ErrNoObject] if the request has no object.
func Object[T any](req *Request) (*T, error) {
	return decode[T](&req.object, req.AdmissionRequest.Object.Raw, "object")
}

// OldObject is as [Object], for the object as it was before an update or delete.
func OldObject[T any](req *Request) (*T, error) {
	return decode[T](&req.oldObject, req.AdmissionRequest.OldObject.Raw, "oldObject")
}

// before is the request that would leave the old object as it is.
func (r *Request) before() *Request {
	old := NewRequest(r.AdmissionRequest)
	old.AdmissionRequest.Object = r.AdmissionRequest.OldObject
	return old
}

// terminating says whether the request is an update of an object that is being deleted. Only the old object is
// believed: it comes from storage, while the new one is what the user says.
func (r *Request) terminating() bool {
	if r.Operation != admissionv1.Update {
		return false
	}
	old, err := OldObject[metav1.PartialObjectMetadata](r)
	return err == nil && old.DeletionTimestamp != nil
}

// decoded remembers what an object was decoded to, by type.
type decoded struct {
	mu     sync.Mutex
	byType map[reflect.Type]any
}

func decode[T any](memo *decoded, raw []byte, which string) (*T, error) {
	memo.mu.Lock()
	defer memo.mu.Unlock()
	key := reflect.TypeFor[T]()
	if known, ok := memo.byType[key]; ok {
		return known.(*T), nil
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("cannot read %s: %w", which, ErrNoObject)
	}
	// The API machinery's decoder, since its idea of JSON is the API server's: names of fields are case-sensitive.
	obj := new(T)
	if err := json.Unmarshal(raw, obj); err != nil {
		return nil, fmt.Errorf("cannot read %s as %s: %w", which, key, err)
	}
	if memo.byType == nil {
		memo.byType = map[reflect.Type]any{}
	}
	memo.byType[key] = obj
	return obj, nil
}
