// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
)

// checkFunc is a check made of a function.
type checkFunc struct {
	name string
	fn   func(ctx context.Context, req *Request) ([]Violation, error)
}

func (c checkFunc) Name() string { return c.name }

func (c checkFunc) Evaluate(ctx context.Context, req *Request) ([]Violation, error) {
	return c.fn(ctx, req)
}

// says is a check that always says the same.
func says(name string, violations ...Violation) Check {
	return checkFunc{name, func(context.Context, *Request) ([]Violation, error) { return violations, nil }}
}

// fails is a check that always fails.
func fails(name string, err error) Check {
	return checkFunc{name, func(context.Context, *Request) ([]Violation, error) { return nil, err }}
}

// selecting is a check with a rule of its own for what it is asked.
type selecting struct {
	Check
	rule func(*Request) bool
}

func (s selecting) Selects(req *Request) bool { return s.rule(req) }

func raw(t testing.TB, obj any) runtime.RawExtension {
	t.Helper()
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: data}
}

// createPod is the request to create a pod.
func createPod(t testing.TB, pod *corev1.Pod) admissionv1.AdmissionRequest {
	t.Helper()
	return admissionv1.AdmissionRequest{
		UID:       "705ab4f5-6393-11e8-b7cc-42010a800002",
		Kind:      metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		Name:      pod.Name,
		Namespace: pod.Namespace,
		Operation: admissionv1.Create,
		Object:    raw(t, pod),
	}
}

// updatePod is the request to change a pod.
func updatePod(t testing.TB, from, to *corev1.Pod) admissionv1.AdmissionRequest {
	t.Helper()
	req := createPod(t, to)
	req.Operation, req.OldObject = admissionv1.Update, raw(t, from)
	return req
}

func webPod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}
}

func newHandler(t testing.TB, entries ...Entry) *Handler {
	t.Helper()
	return newHandlerOf(t, Options{Entries: entries})
}

func newHandlerOf(t testing.TB, o Options) *Handler {
	t.Helper()
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// send posts a body to the handler as the API server does.
func send(ctx context.Context, h http.Handler, target string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// codeOf is the code in the review that was answered with, 200 if that allows, and whether it is worth trying again.
func codeOf(t testing.TB, w *httptest.ResponseRecorder) (code int, retry bool) {
	t.Helper()
	var answer admissionv1.AdmissionReview
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer.Response.UID == "" {
		t.Fatalf("got %d %.300s, want a review", w.Code, w.Body)
	}
	if answer.Response.Allowed {
		return http.StatusOK, false
	}
	return int(answer.Response.Result.Code), answer.Response.Result.Details.RetryAfterSeconds == 1
}

// told is what the user hears of one check, which is the only one: warnings, and the annotation or the refusal.
func told(response *admissionv1.AdmissionResponse, check string) string {
	text := strings.Join(response.Warnings, "|") + response.AuditAnnotations[check]
	if !response.Allowed {
		text += response.Result.Message
	}
	return text
}

// ask sends a request in a v1 review, and returns the response.
func ask(
	ctx context.Context, t testing.TB, h http.Handler, req admissionv1.AdmissionRequest,
) *admissionv1.AdmissionResponse {
	t.Helper()
	return askAt(ctx, t, h, "/validate?timeout=30s", req) // so that a busy machine is no failure
}

func askAt(
	ctx context.Context, t testing.TB, h http.Handler, target string, req admissionv1.AdmissionRequest,
) *admissionv1.AdmissionResponse {
	t.Helper()
	body := raw(t, admissionv1.AdmissionReview{TypeMeta: reviewV1, Request: &req}).Raw
	w := send(ctx, h, target, body)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("answer %s: %v", w.Body, err)
	}
	if answer.Response == nil || answer.Response.UID != req.UID {
		t.Fatalf("answer %s: want a response with the uid of the request", w.Body)
	}
	return answer.Response
}

// logged is a context whose log can be read by calling the function.
func logged(t *testing.T) (context.Context, func() string) {
	t.Helper()
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true), ktesting.Verbosity(4)))
	underlier := logger.GetSink().(ktesting.Underlier)
	return klog.NewContext(t.Context(), logger), func() string { return underlier.GetBuffer().String() }
}
