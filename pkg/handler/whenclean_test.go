// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cleanAre is for Entry.Clean: these namespaces are.
func cleanAre(names ...string) func(string) bool {
	return func(namespace string) bool {
		return strings.Contains(","+strings.Join(names, ",")+",", ","+namespace+",")
	}
}

func TestDenyWhenClean(t *testing.T) {
	bad := Violation{Field: "spec.template.spec.a", Message: "bad"}
	for title, tt := range map[string]struct {
		check     Check
		clean     func(string) bool
		namespace string
		policy    FailurePolicy
		update    bool
		want      string // what the user is told, by its beginning
		denied    bool
	}{
		"a clean namespace":                {says("it", bad), cleanAre("shop"), "shop", "", false, `Pod "web" in namespace "shop" denied`, true},
		"one that is not":                  {says("it", bad), cleanAre("attic"), "shop", "", false, "it: spec.template.spec.a: bad", false},
		"no namespace, clean":              {says("it", bad), cleanAre(""), "", "", false, `Pod "web" denied`, true},
		"no namespace, not clean":          {says("it", bad), cleanAre("shop"), "", "", false, "it: spec.template.spec.a: bad", false},
		"a failure where it denies":        {fails("it", errors.New("x")), cleanAre("shop"), "shop", "", false, `Pod "web" in namespace "shop" not admitted`, true},
		"a failure where it warns":         {fails("it", errors.New("x")), cleanAre(), "shop", "", false, "it failed: x", false},
		"a failure that is ignored":        {fails("it", errors.New("x")), cleanAre("shop"), "shop", Ignore, false, "it failed: x", false},
		"an old object in a clean one":     {says("it", bad), cleanAre("shop"), "shop", "", true, "it: its new Pods will be denied: bad", false},
		"an old object in one that is not": {says("it", bad), cleanAre(), "shop", "", true, "", false},
	} {
		t.Run(title, func(t *testing.T) {
			h := newHandler(t, Entry{Check: tt.check, Mode: DenyWhenClean, Clean: tt.clean, FailurePolicy: tt.policy})
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: tt.namespace}}
			req := createPod(t, pod)
			if tt.update {
				req = updatePod(t, pod, pod)
			}
			got := ask(t.Context(), t, h, req)
			if text := told(got, "it"); got.Allowed == tt.denied || !strings.HasPrefix(text, tt.want) || tt.want == "" && text != "" {
				t.Errorf("allowed: %t, told %q, want %q", got.Allowed, text, tt.want)
			}
			verdict := h.Judge(t.Context(), NewRequest(req))
			if verdict.Allowed() == tt.denied {
				t.Errorf("Judge allows: %t", verdict.Allowed())
			}
		})
	}
}

// A namespace that becomes clean while a request is judged has one mode for all of it.
func TestDenyWhenCleanIsAskedOnce(t *testing.T) {
	bad := Violation{Field: "spec.template.spec.a", Message: "bad"}
	advice := Violation{Message: "only advice", Advice: true}
	pod := webPod()
	for name, req := range map[string]admissionv1.AdmissionRequest{"create": createPod(t, pod), "update": updatePod(t, pod, pod)} {
		asked := 0
		h := newHandler(t, Entry{
			Check: says("it", bad, advice), Mode: DenyWhenClean,
			Clean: func(string) bool { asked++; return asked > 1 },
		})
		got := ask(t.Context(), t, h, req)
		if !got.Allowed || asked != 1 {
			t.Errorf("%s: asked %d times, %v", name, asked, got.Result)
		}
	}
}

func TestDenyWhenCleanNeedsToKnow(t *testing.T) {
	_, err := New(Options{Entries: []Entry{{Check: says("it"), Mode: DenyWhenClean}}})
	if err == nil || !strings.Contains(err.Error(), `check "it" has the mode denyWhenClean, and nothing says which`) {
		t.Errorf("got %v", err)
	}
}

// What is counted is what was done.
func TestMetricsSayWhatDenyWhenCleanDid(t *testing.T) {
	clean := false
	entry := &entry{mode: DenyWhenClean, clean: func(string) bool { return clean }}
	req := NewRequest(createPod(t, webPod()))
	for _, want := range []decision{decisionWarned, decisionDenied} {
		o := outcome{entry: entry, mode: entry.modeFor(req), violations: []Violation{{Message: "bad"}}}
		if got := o.decision(); got != want {
			t.Errorf("with clean: %t the decision is %s", clean, got)
		}
		clean = true
	}
}
