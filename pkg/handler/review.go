// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// maxNames is far more than all names of a request can take together, of which the longest has 253 bytes.
const maxNames = 8 << 10

// review is an AdmissionReview of either version, which differ in nothing but the name.
type review struct {
	metav1.TypeMeta `json:""`
	Request         *admissionv1.AdmissionRequest  `json:"request,omitempty"`
	Response        *admissionv1.AdmissionResponse `json:"response,omitempty"`

	request           *Request
	object, oldObject lean.Object // as far as they were picked out
}

func (in *review) isKnown() bool {
	version := in.APIVersion
	return in.Kind == "AdmissionReview" &&
		(version == admissionv1.SchemeGroupVersion.String() || version == admissionv1beta1.SchemeGroupVersion.String())
}

// isAnswerable says whether there can be an answer in a review: it needs no more than the version and the UID.
func (in *review) isAnswerable() bool {
	return in.isKnown() && in.Request != nil && in.Request.UID != ""
}

// isConversion says that it is the head of a ConversionReview, and that who sent it would know the answer.
func (in *review) isConversion() bool {
	return in.TypeMeta == conversionV1() && in.Request != nil && in.Request.UID != ""
}

// lengthOfNames is how long is what answers and the log repeat of a request.
func (in *review) lengthOfNames() int {
	r := in.Request
	return len(r.UID) + len(r.Name) + len(r.Namespace) + len(r.Operation) + len(r.SubResource) +
		len(r.Kind.Group) + len(r.Kind.Version) + len(r.Kind.Kind) +
		len(r.Resource.Group) + len(r.Resource.Version) + len(r.Resource.Resource)
}

// usualHead is what nearly all heads are smaller than: all of a review that comes before its objects.
const usualHead = 8 << 10

// headOf reads of a review, of which data is the beginning, what it takes to answer it and to tell whose it is, as far
// as that has come. Nothing is decoded but short texts.
func headOf(data []byte) *review {
	in := &review{Request: &admissionv1.AdmissionRequest{}}
	lean.Members(data, func(name string, value []byte) bool {
		switch name {
		case "kind":
			in.Kind = short(value)
		case "apiVersion":
			in.APIVersion = short(value)
		case "request":
			lean.Members(value, in.readHead)
		}
		return true
	})
	in.request = NewRequest(*in.Request)
	return in
}

// readHead reads one member of the request.
func (in *review) readHead(name string, value []byte) bool {
	r := in.Request
	switch name {
	case "uid":
		r.UID = types.UID(short(value))
	case "name":
		r.Name = short(value)
	case "namespace":
		r.Namespace = short(value)
	case "operation":
		r.Operation = admissionv1.Operation(short(value))
	case "subResource":
		r.SubResource = short(value)
	case "kind":
		lean.Members(value, texts(map[string]*string{
			"group": &r.Kind.Group, "version": &r.Kind.Version, "kind": &r.Kind.Kind,
		}))
	case "resource":
		lean.Members(value, texts(map[string]*string{
			"group": &r.Resource.Group, "version": &r.Resource.Version, "resource": &r.Resource.Resource,
		}))
	case "userInfo":
		lean.Members(value, texts(map[string]*string{"username": &r.UserInfo.Username}))
	}
	return name != "object" && name != "oldObject"
}

// texts reads members that are texts.
func texts(into map[string]*string) func(name string, value []byte) bool {
	return func(name string, value []byte) bool {
		if text := into[name]; text != nil {
			*text = short(value)
		}
		return true
	}
}

// short returns the text at the beginning of a value, and "" for what is longer than names are.
func short(value []byte) string { return lean.Text(value[:min(len(value), maxNames)]) }
