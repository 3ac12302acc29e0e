// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"}}`

// failing is a check, and a mutation, that could not tell.
type failing struct{}

func (failing) Name() string { return "x" }

func (failing) Evaluate(context.Context, *handler.Request) ([]handler.Violation, error) {
	return nil, errors.New("boom")
}

func (failing) Mutate(context.Context, *handler.Request) ([]byte, error) {
	return nil, errors.New("boom")
}

// One line says of a failure what a handler does alone, and what a client of an API server reads.
func TestFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		entry handler.Entry
		want  string
	}{
		"a check":               {handler.Entry{Check: failing{}}, "deny: x: failed: boom"},
		"a check, ignored":      {handler.Entry{Check: failing{}, FailurePolicy: handler.Ignore}, "warn: x: failed: boom"},
		"a check that warns":    {handler.Entry{Check: failing{}, Mode: handler.Warn}, "warn: x: failed: boom"},
		"a mutation":            {handler.Entry{Mutation: failing{}}, "apply: x: failed: boom"},
		"a mutation, ignored":   {handler.Entry{Mutation: failing{}, FailurePolicy: handler.Ignore}, "warn: x: failed: boom"},
		"a mutation that warns": {handler.Entry{Mutation: failing{}, Mode: handler.Warn}, "warn: x: failed: boom"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := handler.New(handler.Options{Entries: []handler.Entry{tt.entry}})
			if err != nil {
				t.Fatal(err)
			}
			Alone(h).expect(t, pod, []string{tt.want})
			asked := http.Handler(h)
			if tt.entry.Mutation != nil {
				asked = h.Mutating()
			}
			response := reviewed(t, asked)
			told := &warnings{}
			for _, text := range response.Warnings {
				told.HandleWarningHeader(0, "", text)
			}
			switch isWarning := strings.HasPrefix(tt.want, "warn"); {
			case isWarning != response.Allowed:
				t.Errorf("want %q, and it is allowed: %t", tt.want, response.Allowed)
			case isWarning && !told.has(tt.want):
				t.Errorf("want %q, got the warnings %q", tt.want, told.texts)
			case !isWarning && !says(response.Result.Message, tt.want):
				t.Errorf("want %q, got the error %q", tt.want, response.Result.Message)
			}
		})
	}
}

// An API server asks no check about what a mutation has denied.
func TestFailedMutationComesFirst(t *testing.T) {
	h, err := handler.New(handler.Options{Entries: []handler.Entry{{Mutation: failing{}}, {Check: alsoFailing{}}}})
	if err != nil {
		t.Fatal(err)
	}
	Alone(h).expect(t, pod, []string{"apply: x: failed: boom"})
}

type alsoFailing struct{ failing }

func (alsoFailing) Name() string { return "y" }

// reviewed is what a handler answers about the creation of a Pod.
func reviewed(t *testing.T, h http.Handler) *admissionv1.AdmissionResponse {
	t.Helper()
	req, err := requestOf(pod)
	if err != nil {
		t.Fatal(err)
	}
	req.UID = "1"
	body, err := json.Marshal(admissionv1.AdmissionReview{Request: &req,
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &review); err != nil || review.Response == nil {
		t.Fatalf("the answer is %s: %v", w.Body, err)
	}
	return review.Response
}
