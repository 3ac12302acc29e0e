// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/lean"
)

const (
	// The API server accepts timeoutSeconds from 1 to 30, and takes 10 when none is given.
	minTimeout, defaultTimeout, maxTimeout = time.Second, 10 * time.Second, 30 * time.Second

	// maxNames is far more than all names of a request can take together, of which the longest has 253 bytes.
	maxNames = 8 << 10

	// maxMargin bounds the time that is kept back for the answer's way home.
	maxMargin = 500 * time.Millisecond
)

// review is an AdmissionReview of either version, which differ in nothing but the name.
type review struct {
	metav1.TypeMeta `json:""`
	Request         *admissionv1.AdmissionRequest  `json:"request,omitempty"`
	Response        *admissionv1.AdmissionResponse `json:"response,omitempty"`

	request           *Request
	object, oldObject lean.Object // as far as they were picked out
}

// refusal is why a review was not judged. Users read the message.
type refusal struct {
	code    int
	message string
	retry   bool // it is worth trying again
	allowed bool // it is none: there is nothing to judge
}

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// write answers what is no review. An API server would take that for the failure of the webhook, and lets the object in
// if the webhook's failurePolicy is Ignore.
func (f *refusal) write(w http.ResponseWriter) {
	if f.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	if f.retry {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, f.message, f.code)
}

// response answers a review. The API server gives code and delay to its client, which tries again by itself if it is
// client-go.
func (f *refusal) response(req *Request) *admissionv1.AdmissionResponse {
	if f.allowed {
		return &admissionv1.AdmissionResponse{UID: req.UID, Allowed: true}
	}
	code := int32(f.code) // #nosec G115 -- codes of HTTP.
	result := status(req, code, reasons()[f.code])
	if f.retry {
		result.Code, result.Reason = http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests
		result.Details.RetryAfterSeconds = 1
	}
	result.Message = clean(f.message, maxViolation)
	if req.Kind.Kind != "" {
		result.Message = subject(req) + " not admitted: " + result.Message
	}
	return &admissionv1.AdmissionResponse{UID: req.UID, Result: result}
}

func reasons() map[int]metav1.StatusReason {
	return map[int]metav1.StatusReason{
		http.StatusBadRequest:            metav1.StatusReasonBadRequest,
		http.StatusRequestEntityTooLarge: metav1.StatusReasonRequestEntityTooLarge,
		http.StatusInternalServerError:   metav1.StatusReasonInternalError,
		http.StatusGatewayTimeout:        metav1.StatusReasonTimeout,
	}
}

// read reads a review which can be answered: it has a known version, a request, and a UID.
func read(body []byte, memory *reservation) (*review, *refusal) {
	in, err := parse(body, memory)
	if short := (*memoryError)(nil); errors.As(err, &short) {
		return nil, memory.gate.refuseEnvelope(short)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body is not an AdmissionReview: %v", err)
	}
	return in, in.complete()
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true // what the API server sends, which needs no parsing
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}

// complete checks the envelope, and takes the request out of it.
func (in *review) complete() *refusal {
	switch {
	case !in.isKnown():
		return refuse(http.StatusBadRequest, "apiVersion %.100q, kind %.100q: send an AdmissionReview of "+
			"admission.k8s.io/v1 or admission.k8s.io/v1beta1", in.APIVersion, in.Kind)
	case in.Request == nil:
		return refuse(http.StatusBadRequest, "the AdmissionReview has no request")
	case in.Request.UID == "":
		return refuse(http.StatusBadRequest, "the AdmissionReview's request has no uid")
	case in.lengthOfNames() > maxNames:
		return refuse(http.StatusBadRequest, "the AdmissionReview's uid, names and kinds are longer than %d bytes", maxNames)
	}
	in.request = NewRequest(*in.Request)
	in.request.object.lean, in.request.oldObject.lean = in.object, in.oldObject
	return nil
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

// budgetOf is the time that checks may take: the timeout in the URL, where the API server puts what is left of
// timeoutSeconds, less a tenth of it or half a second. An answer that comes at the very end of the timeout comes too
// late, and the user would read "context deadline exceeded" where we could have named the check at fault.
func budgetOf(u *url.URL) time.Duration {
	timeout, err := time.ParseDuration(u.Query().Get("timeout"))
	if err != nil {
		timeout = defaultTimeout
	}
	timeout = min(max(timeout, minTimeout), maxTimeout)
	return timeout - min(timeout/10, maxMargin)
}
