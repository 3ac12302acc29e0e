// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

const minimalReview = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u"}}`

// replaced is the minimal review with something else in it.
func replaced(old, by string) string { return strings.Replace(minimalReview, old, by, 1) }

func without(part string) string { return replaced(part, "") }

func TestRefusesWhatIsNoReview(t *testing.T) {
	tests := map[string]struct {
		method, contentType, body string
		code                      int
		message                   string
	}{
		"get":          {method: "GET", code: 405, message: "method GET: send the AdmissionReview with POST"},
		"put":          {method: "PUT", body: minimalReview, code: 405, message: "method PUT"},
		"yaml":         {contentType: "application/yaml", body: minimalReview, code: 415, message: "send application/json"},
		"patch type":   {contentType: "application/json-patch+json", body: minimalReview, code: 415},
		"no type":      {contentType: " ", body: minimalReview, code: 415, message: `Content-Type " "`},
		"empty body":   {code: 400, message: "not an AdmissionReview"},
		"garbage":      {body: "garbage", code: 400, message: "not an AdmissionReview"},
		"null":         {body: "null", code: 400, message: `apiVersion "", kind ""`},
		"list":         {body: "[]", code: 400, message: "not an AdmissionReview"},
		"wrong type":   {body: replaced(`"u"`, "5"), code: 400, message: "not an AdmissionReview"},
		"version v2":   {body: replaced("/v1", "/v2"), code: 400, message: "admission.k8s.io/v2"},
		"other group":  {body: without("admission.k8s.io/"), code: 400},
		"other kind":   {body: replaced("AdmissionReview", "Pod"), code: 400, message: `kind "Pod"`},
		"wrong case":   {body: replaced("request", "Request"), code: 400, message: "has no request"},
		"no request":   {body: without(`,"request":{"uid":"u"}`), code: 400, message: "has no request"},
		"null request": {body: replaced(`{"uid":"u"}`, "null"), code: 400, message: "has no request"},
		"no uid":       {body: without(`"uid":"u"`), code: 400, message: "has no uid"},
		"a long uid":   {body: replaced(`"u"`, `"`+strings.Repeat("u", maxNames+1)+`"`), code: 400, message: "names and kinds are longer"},
		"a long kind":  {body: replaced("AdmissionReview", strings.Repeat("k", 1000)), code: 400, message: `kkk": send`},
		"too large":    {body: strings.Repeat(" ", maxBody+1), code: 413, message: "larger than 7 MiB"},
	}
	h := newHandler(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			method, contentType := tt.method, tt.contentType
			if method == "" {
				method = http.MethodPost
			}
			if contentType == "" {
				contentType = "application/json"
			}
			r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.message) {
				t.Errorf("got %d %q, want %d with %q", w.Code, w.Body, tt.code, tt.message)
			}
			if tt.code == http.StatusMethodNotAllowed && w.Header().Get("Allow") != http.MethodPost {
				t.Errorf("got Allow %q", w.Header().Get("Allow"))
			}
		})
	}
}

func TestAcceptsReviewOfTheGreatestSize(t *testing.T) {
	body := append([]byte(minimalReview), bytes.Repeat([]byte(" "), maxBody-len(minimalReview))...)
	if w := send(t.Context(), newHandler(t), "/", body); w.Code != http.StatusOK {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestAcceptsContentTypeWithParameters(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(minimalReview))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	w := httptest.NewRecorder()
	newHandler(t).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestRefusesBodyThatBreaksOff(t *testing.T) {
	body := io.MultiReader(strings.NewReader(minimalReview[:20]), brokenReader{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	newHandler(t).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "the wire was cut") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the wire was cut") }

func TestAnswersInTheVersionOfTheRequest(t *testing.T) {
	for _, version := range []string{"admission.k8s.io/v1", "admission.k8s.io/v1beta1"} {
		t.Run(version, func(t *testing.T) {
			body := strings.Replace(minimalReview, "admission.k8s.io/v1", version, 1)
			w := send(t.Context(), newHandler(t), "/", []byte(body))
			var answer map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if answer["apiVersion"] != version || answer["kind"] != "AdmissionReview" {
				t.Errorf("got %s", w.Body)
			}
			if _, echoed := answer["request"]; echoed {
				t.Errorf("the answer carries the request: %s", w.Body)
			}
			response, _ := answer["response"].(map[string]any)
			if response["uid"] != "u" || response["allowed"] != true {
				t.Errorf("got %s", w.Body)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("got Content-Type %q", got)
			}
		})
	}
}

func TestAnswerToACallerWhoIsGone(t *testing.T) {
	ctx, log := logged(t)
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(minimalReview))
	r.Header.Set("Content-Type", "application/json")
	newHandler(t).ServeHTTP(goneWriter{httptest.NewRecorder()}, r)
	if !strings.Contains(log(), "The caller went away") {
		t.Errorf("log: %s", log())
	}
}

type goneWriter struct{ *httptest.ResponseRecorder }

func (goneWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestBudget(t *testing.T) {
	tests := map[string]time.Duration{
		"":                          9500 * time.Millisecond,
		"?timeout=10s":              9500 * time.Millisecond,
		"?timeout=2s":               1800 * time.Millisecond,
		"?timeout=30s":              29500 * time.Millisecond,
		"?timeout=1h":               29500 * time.Millisecond,
		"?timeout=0s":               900 * time.Millisecond,
		"?timeout=-5s":              900 * time.Millisecond,
		"?timeout=soon":             9500 * time.Millisecond,
		"?timeout=5":                9500 * time.Millisecond,
		"?timeout=1s&timeout=30s":   900 * time.Millisecond,
		"?timeout=%31s":             900 * time.Millisecond,
		"?timeout=99999999999999h":  9500 * time.Millisecond,
		"?other=1s&timeout=1500ms&": 1350 * time.Millisecond,
	}
	for query, want := range tests {
		t.Run(query, func(t *testing.T) {
			u, err := url.Parse("/validate" + query)
			if err != nil {
				t.Fatal(err)
			}
			if got := budgetOf(u); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Slow callers are cut off, and no evaluation is: the server would take an old deadline for the end of the connection.
func TestDeadlinesOfAConnection(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"reviews": newHandler(t, Entry{Check: says("quiet")}), "other": WithDeadlines(http.NotFoundHandler()),
	} {
		t.Run(name, func(t *testing.T) {
			w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
			before := time.Now()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(minimalReview)))
			if read := w.read.Sub(before); read <= maxTimeout || read > maxTimeout+2*time.Second {
				t.Errorf("there are %s to read", read)
			}
			if !w.write.After(w.read) {
				t.Errorf("there is until %s to read, and until %s to write", w.read, w.write)
			}
		})
	}
}

type deadlineWriter struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (w *deadlineWriter) SetReadDeadline(t time.Time) error {
	w.read = t
	return nil
}

func (w *deadlineWriter) SetWriteDeadline(t time.Time) error {
	w.write = t
	return nil
}

func FuzzServeHTTP(f *testing.F) {
	f.Add([]byte(minimalReview))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u",` +
		`"operation":"UPDATE","kind":{"version":"v1","kind":"Pod"},"object":{"metadata":{"name":5}},"oldObject":[]}}`))
	for _, req := range []admissionv1.AdmissionRequest{createPod(f, webPod()), updatePod(f, webPod(), webPod())} {
		f.Add(raw(f, review{TypeMeta: reviewV1, Request: &req}).Raw)
	}
	h := newHandler(f,
		Entry{Check: teamLabel},
		Entry{Check: anyLabel, Mode: Warn},
		Entry{Check: says("always", Violation{Field: "spec", Message: "bad"}), Mode: Audit},
	)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := send(t.Context(), h, "/", body)
		if w.Code != http.StatusOK && (w.Code < 400 || w.Code > 499) {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
		if w.Code != http.StatusOK {
			return
		}
		var answer admissionv1.AdmissionReview
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("answer %q: %v", w.Body, err)
		}
		if answer.Response == nil || answer.Response.UID == "" || answer.Response.Allowed == (answer.Response.Result != nil) {
			t.Fatalf("answer %q", w.Body)
		}
	})
}
