// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// Whatever is wrong with a review whose UID is known, the answer is a review: an API server forgives an error of HTTP.
func TestAReviewIsAnsweredWithAReview(t *testing.T) {
	wide := `"u","object":{"spec":"` + strings.Repeat("a", maxBody) + `"}`
	for name, tt := range map[string]struct {
		body    string
		code    int
		message string
	}{
		"two reviews":            {minimalReview + minimalReview, 400, "not an AdmissionReview"},
		"a long name":            {replaced(`"u"`, `"u","name":"`+strings.Repeat("n", maxNames)+`"`), 400, "longer than 8192"},
		"an object that is none": {replaced(`"u"`, `"u","object":{]}`), 400, "not an AdmissionReview"},
		"one that breaks off":    {minimalReview[:len(minimalReview)-1], 400, "not an AdmissionReview"},
		"a user of no type":      {replaced(`"u"`, `"u","userInfo":5`), 400, "not an AdmissionReview"},
		"an object of much":      {replaced(`"u"`, wide), 413, "larger than 7 MiB"},
		"control characters":     {replaced(`"u"`, `"u","object":"`+strings.Repeat(`\u0001`, maxBody/6)+`"`), 413, "larger than 7 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t.Context(), newHandler(t, Entry{Check: says("quiet")}), "/", []byte(tt.body))
			if code, retry := codeOf(t, got); code != tt.code || retry || !strings.Contains(got.Body.String(), tt.message) {
				t.Errorf("got %d, %t: %.300s", code, retry, got.Body)
			}
		})
	}
}

// The message names what was not admitted, as far as that is known.
func TestRefusalsNameTheObject(t *testing.T) {
	req := createPod(t, webPod())
	req.UserInfo.Username = "jane"
	req.Object = runtime.RawExtension{Raw: []byte(`"` + strings.Repeat("a", maxBody) + `"`)}
	response := ask(t.Context(), t, newHandler(t), req)
	const want = `Pod "web" in namespace "shop" not admitted: the AdmissionReview is larger than 7 MiB`
	if response.Allowed || response.Result.Message != want || response.Result.Details.Kind != "pods" {
		t.Errorf("got %+v", response)
	}
}

// The greatest objects that an API server accepts, of the characters that it escapes, are judged.
func TestEscapedObjectsAreJudged(t *testing.T) {
	pod := webPod()
	pod.Spec.Containers = []corev1.Container{{Name: "c", Image: "i", Args: []string{strings.Repeat("<>&\u2028", 3<<20/6)}}}
	req := updatePod(t, pod, pod)
	var body []byte
	if body = raw(t, admissionv1.AdmissionReview{TypeMeta: reviewV1, Request: &req}).Raw; len(body) < 20<<20 {
		t.Fatalf("it has %d bytes", len(body))
	}
	seen := 0
	h := newHandler(t, Entry{Check: CheckFor("args", func(_ context.Context, _ *Request, pod *corev1.Pod) []Violation {
		seen = len(pod.Spec.Containers[0].Args[0])
		return []Violation{{Message: "no"}}
	}), EveryUpdate: true})
	got := send(t.Context(), h, "/", body)
	if code, _ := codeOf(t, got); code != http.StatusForbidden || seen != len(pod.Spec.Containers[0].Args[0]) {
		t.Errorf("got %d %.300s, and %d bytes were seen", code, got.Body, seen)
	}
}

// A panic outside of any check would end the connection, which an API server takes for a failed call.
func TestPanicsOfTheHandlerAreAnswered(t *testing.T) {
	check := selecting{says("no"), func(*Request) bool { return false }}
	h := newHandler(t, Entry{Check: check})
	h.metrics.resources = nil
	h.metrics.answered.known = nil
	h.entries.Store(nil) // there is none to load
	got := send(t.Context(), h, "/", []byte(minimalReview))
	if code, _ := codeOf(t, got); code != http.StatusInternalServerError {
		t.Errorf("got %d %s", code, got.Body)
	}
}

// A body that does not come in time is answered when the time is up, and not when it has come.
func TestSlowBodiesAreAnsweredInTime(t *testing.T) {
	h := newHandler(t)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	body, writer := io.Pipe()
	t.Cleanup(func() { _ = writer.Close() })
	go func() {
		_, _ = io.WriteString(writer, minimalReview[:len(minimalReview)-1]+strings.Repeat(" ", 2*firstRead))
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/?timeout=1s", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	begin := time.Now()
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(answer.Body).Decode(&review); err != nil {
		t.Fatalf("got %d, %v", answer.StatusCode, err)
	}
	if review.Response.Allowed || review.Response.Result.Code != http.StatusGatewayTimeout {
		t.Errorf("got %+v after %s", review.Response.Result, time.Since(begin))
	}
}

// Where there is no memory for any of a body, its beginning is read all the same: it says what to answer.
func TestNoMemoryForABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limitedHandler(t, Limits{}, says("quiet"))
		h.gate.bytes = h.gate.limits.Bytes
		for name, body := range map[string]string{"small": minimalReview, "large": minimalReview + strings.Repeat(" ", 1<<20)} {
			got := send(t.Context(), h, "/", []byte(body))
			if code, retry := codeOf(t, got); code != http.StatusTooManyRequests || !retry {
				t.Errorf("%s: got %d %s", name, code, got.Body)
			}
		}
	})
}

// Also a review that is too large to be kept is let pass if it only takes a finalizer off an object that is being
// deleted: nothing else can be done about such an object.
func TestCleanupsOfAnySizePass(t *testing.T) {
	pod := webPod()
	pod.Finalizers = []string{"a/b"}
	pod.DeletionTimestamp = ptr.To(metav1.Now())
	pod.Spec.Containers = []corev1.Container{{Name: "c", Image: "i", Args: []string{strings.Repeat("\x01", 700_000), "a<b>&\u2028"}}}
	free, other := pod.DeepCopy(), pod.DeepCopy()
	free.Finalizers, other.Spec.Hostname = nil, "x"
	h := newHandler(t, Entry{Check: says("no", Violation{Message: "no"})})
	if response := ask(t.Context(), t, h, updatePod(t, pod, free)); !response.Allowed {
		t.Errorf("got %+v", response.Result)
	}
	if response := ask(t.Context(), t, h, updatePod(t, pod, other)); response.Allowed || response.Result.Code != 413 {
		t.Errorf("a change of it: got %+v", response)
	}
	small := free.DeepCopy()
	small.Spec.Containers[0].Args = nil
	if response := ask(t.Context(), t, h, updatePod(t, small, small)); !response.Allowed {
		t.Errorf("a small one: got %+v", response)
	}
}
