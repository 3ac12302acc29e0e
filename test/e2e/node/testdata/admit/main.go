// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command main is a webhook that admits everything, with the certificate in /serving.
package main

import (
	"encoding/json"
	"log"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		review.Request = nil
		_ = json.NewEncoder(w).Encode(review)
	})
	log.Fatal(http.ListenAndServeTLS(":9443", "/serving/tls.crt", "/serving/tls.key", nil))
}
