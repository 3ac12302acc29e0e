// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// A check of one's own is a function from an object to violations.
func ExampleCheckFor() {
	teamLabel := handler.CheckFor("team-label",
		func(_ context.Context, _ *handler.Request, pod *corev1.Pod) []handler.Violation {
			if pod.Labels["team"] != "" {
				return nil
			}
			return []handler.Violation{{Field: "metadata.labels[team]", Message: "say which team owns this Pod"}}
		})

	h, err := handler.New(handler.Options{Entries: []handler.Entry{{Check: teamLabel}}})
	if err != nil {
		fmt.Println(err)
		return
	}

	request := httptest.NewRequest(http.MethodPost, "/validate", strings.NewReader(`{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": {
			"uid": "1", "operation": "CREATE", "name": "web", "namespace": "shop",
			"kind": {"version": "v1", "kind": "Pod"}, "resource": {"version": "v1", "resource": "pods"},
			"object": {"metadata": {"name": "web"}}
		}
	}`))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)

	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(review.Response.Allowed)
	fmt.Println(review.Response.Result.Message)
	// Output:
	// false
	// Pod "web" in namespace "shop" denied by 1 check: team-label: metadata.labels[team]: say which team owns this Pod
}
