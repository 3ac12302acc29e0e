// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// lengthOfNames is how long is what answers and the log repeat of a request.
func (in *review) lengthOfNames() int {
	r := in.Request
	return len(r.UID) + len(r.Name) + len(r.Namespace) + len(r.Operation) + len(r.SubResource) +
		len(r.Kind.Group) + len(r.Kind.Version) + len(r.Kind.Kind) +
		len(r.Resource.Group) + len(r.Resource.Version) + len(r.Resource.Resource)
}
