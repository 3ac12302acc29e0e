// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/klog/v2"
)

const (
	// maxBody bounds a review: two objects of 3 MiB, which is the API server's limit for one, and 1 MiB for the rest.
	maxBody = 7 << 20

	// The API server accepts timeoutSeconds from 1 to 30, and takes 10 when none is given.
	minTimeout, defaultTimeout, maxTimeout = time.Second, 10 * time.Second, 30 * time.Second

	// maxMargin bounds the time that is kept back for the answer's way home.
	maxMargin = 500 * time.Millisecond
)

// review is an AdmissionReview of either version, which differ in nothing but the name.
type review struct {
	metav1.TypeMeta `json:""`
	Request         *admissionv1.AdmissionRequest  `json:"request,omitempty"`
	Response        *admissionv1.AdmissionResponse `json:"response,omitempty"`

	request *Request
}

// refusal is the answer to an HTTP request that is no admission review. The API server shows the message to the user.
type refusal struct {
	code    int
	message string
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, f.message, f.code)
}

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// readReview reads a review which can be answered: it has a known version, a request, and a UID.
func readReview(w http.ResponseWriter, r *http.Request) (*review, *refusal) {
	if r.Method != http.MethodPost {
		return nil, refuse(http.StatusMethodNotAllowed, "method %s: send an AdmissionReview with POST", r.Method)
	}
	contentType := r.Header.Get("Content-Type")
	if mediaType, _, err := mime.ParseMediaType(contentType); err != nil || mediaType != "application/json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "Content-Type %q: send application/json", contentType)
	}
	body, refused := readBody(w, r)
	if refused != nil {
		return nil, refused
	}
	in := &review{}
	if err := json.Unmarshal(body, in); err != nil {
		return nil, refuse(http.StatusBadRequest, "the body is not an AdmissionReview: %v", err)
	}
	return in, in.complete()
}

// readBody reads what there is to read within the size and time that a review may take. The read deadline is for
// callers who send slowly or not at all; writers that have no such deadline, as in tests, do without.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	controller := http.NewResponseController(w)
	if controller.SetReadDeadline(time.Now().Add(maxTimeout)) == nil {
		defer func() { _ = controller.SetReadDeadline(time.Time{}) }() // it would end the connection later on
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the AdmissionReview is larger than %d MiB", maxBody>>20)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
	}
	return body, nil
}

// complete checks the envelope, and takes the request out of it.
func (in *review) complete() *refusal {
	version := in.APIVersion
	known := version == admissionv1.SchemeGroupVersion.String() || version == admissionv1beta1.SchemeGroupVersion.String()
	switch {
	case in.Kind != "AdmissionReview" || !known:
		return refuse(http.StatusBadRequest, "apiVersion %q, kind %q: send an AdmissionReview of admission.k8s.io/v1 "+
			"or admission.k8s.io/v1beta1", in.APIVersion, in.Kind)
	case in.Request == nil:
		return refuse(http.StatusBadRequest, "the AdmissionReview has no request")
	case in.Request.UID == "":
		return refuse(http.StatusBadRequest, "the AdmissionReview's request has no uid")
	}
	in.request = NewRequest(*in.Request)
	return nil
}

// answer sends the response in a review of the version that was asked with.
func (in *review) answer(w http.ResponseWriter, response *admissionv1.AdmissionResponse, logger klog.Logger) {
	body, err := stdjson.Marshal(review{TypeMeta: in.TypeMeta, Response: response})
	if err != nil {
		logger.Error(err, "Cannot encode the response; this is a bug")
		http.Error(w, "the response cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(body); err != nil {
		logger.V(2).Info("The caller went away before its answer", "err", err)
	}
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
