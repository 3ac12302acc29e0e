// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/klog/v2"
)

// answer sends the response in a review of the version that was asked with.
func (in *review) answer(w http.ResponseWriter, response *admissionv1.AdmissionResponse, logger klog.Logger) {
	body, err := in.encode(response)
	if err != nil {
		logger.Error(err, "Cannot encode the response; this is a bug")
		http.Error(w, "the response cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	if _, err := w.Write(body); err != nil { // #nosec G705 -- JSON, and its type is said.
		logger.V(2).Info("The caller went away before its answer", "err", err)
	}
}

// encode makes JSON of the answer. The usual one says yes and nothing else, and is put together by hand.
func (in *review) encode(response *admissionv1.AdmissionResponse) ([]byte, error) {
	if !response.Allowed || response.Result != nil || response.AuditAnnotations != nil || response.Warnings != nil ||
		response.Patch != nil || response.PatchType != nil || !isPlain(string(response.UID)) {
		return json.Marshal(review{TypeMeta: in.TypeMeta, Response: response})
	}
	// The kind and the version are among those that complete knows.
	return []byte(`{"kind":"` + in.Kind + `","apiVersion":"` + in.APIVersion + `","response":{"uid":"` +
		string(response.UID) + `","allowed":true}}`), nil
}

// isPlain says whether text looks the same in JSON.
func isPlain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"\\<>&`, r)
	})
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
		// It makes the API server ask again.
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, f.message, f.code)
}
