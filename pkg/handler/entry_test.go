// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCompileOrdersDenyingChecksFirst(t *testing.T) {
	entries, err := compile([]Entry{
		{Check: says("a"), Mode: Audit},
		{Check: says("b"), Mode: Warn},
		{Check: says("c"), Mode: Off},
		{Check: says("d"), Mode: Deny},
		{Check: says("e")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries.checks {
		got = append(got, e.name+" "+string(e.mode))
	}
	if diff := cmp.Diff([]string{"d deny", "e deny", "b warn", "a audit"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompileReportsEverythingThatIsWrong(t *testing.T) {
	_, err := New(Options{Entries: []Entry{
		{},
		{Check: says("")},
		{Check: says("with/slash")},
		{Check: says("with space")},
		{Check: says(strings.Repeat("x", 57))},
		{Check: says("loud-exempt")},
		{Check: says("loud"), Mode: "shout"},
		{Check: says("hesitant"), FailurePolicy: "maybe"},
		{Check: says("exempting"), Exempt: Exemptions{Images: []string{"*"}}},
		{Check: says("blind"), Exempt: Exemptions{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}},
		{Check: says("twice")},
		{Check: says("twice"), Mode: Off},
	}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"entry 0 has no check", `check name ""`, `"with/slash"`, `"with space"`, `"xxxx`, `"loud-exempt" ends in "-exempt"`,
		`unknown mode "shout": use one of ["deny" "denyWhenClean" "warn" "audit" "off"]`, `"twice" is listed twice`,
		`unknown FailurePolicy "maybe"`, `check "exempting": exempt.images[0]`, `check "blind" exempts namespaces by their labels`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
}

func TestSetChecks(t *testing.T) {
	bad := Violation{Message: "bad"}
	h := newHandler(t, Entry{Check: says("first", bad)})
	req := createPod(t, webPod())
	if ask(t.Context(), t, h, req).Allowed {
		t.Fatal("the first check was not asked")
	}
	if err := h.SetChecks(Entry{Check: says("second", bad), Mode: "?"}); err == nil {
		t.Fatal("an unknown mode was taken")
	}
	if got := ask(t.Context(), t, h, req); got.Allowed || !strings.Contains(got.Result.Message, "first") {
		t.Errorf("invalid entries have changed something: %v", got)
	}
	if err := h.SetChecks(Entry{Check: says("second", bad)}); err != nil {
		t.Fatal(err)
	}
	if got := ask(t.Context(), t, h, req); got.Allowed || !strings.Contains(got.Result.Message, "second") {
		t.Errorf("the second check was not asked: %v", got)
	}
	if err := h.SetChecks(); err != nil {
		t.Fatal(err)
	}
	if got := ask(t.Context(), t, h, req); !got.Allowed {
		t.Errorf("nothing is left to deny: %v", got)
	}
}

func TestModeFromConfiguration(t *testing.T) {
	tests := map[string]struct {
		want Mode
		ok   bool
	}{
		`"warn"`:  {Warn, true},
		`"shout"`: {"shout", true}, // for the validation to name, with the others
		`false`:   {Off, true},     // an unquoted off in YAML
		`null`:    {Audit, true},
		`true`:    {Audit, false},
		`5`:       {Audit, false},
		`["off"]`: {Audit, false},
	}
	for in, tt := range tests {
		t.Run(in, func(t *testing.T) {
			got := Audit
			if err := json.Unmarshal([]byte(in), &got); (err == nil) != tt.ok || got != tt.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestWhichRequestsAreEvaluated(t *testing.T) {
	tests := map[string]struct {
		operation             admissionv1.Operation
		resource, subResource string
		want                  bool
	}{
		"create pod":                  {"CREATE", "pods", "", true},
		"update pod":                  {"UPDATE", "pods", "", true},
		"debug pod":                   {"UPDATE", "pods", "ephemeralcontainers", true},
		"pod status":                  {"UPDATE", "pods", "status", false},
		"bind pod":                    {"CREATE", "pods", "binding", false},
		"evict pod":                   {"CREATE", "pods", "eviction", false},
		"resize pod":                  {"UPDATE", "pods", "resize", true},
		"delete pod":                  {"DELETE", "pods", "", false},
		"exec":                        {"CONNECT", "pods", "exec", false},
		"unknown operation":           {"", "pods", "", false},
		"create deployment":           {"CREATE", "deployments", "", true},
		"scale deployment":            {"UPDATE", "deployments", "scale", false},
		"resize what":                 {"UPDATE", "deployments", "resize", false},
		"ephemeralcontainers of what": {"UPDATE", "deployments", "ephemeralcontainers", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := createPod(t, webPod())
			req.Operation, req.SubResource = tt.operation, tt.subResource
			req.Resource = metav1.GroupVersionResource{Version: "v1", Resource: tt.resource}
			got := ask(t.Context(), t, newHandler(t, Entry{Check: says("no", Violation{Message: "no"})}), req)
			if got.Allowed == tt.want {
				t.Errorf("evaluated %t, want %t", !got.Allowed, tt.want)
			}
		})
	}
}

func TestSelectorIsAskedInPlaceOfTheRule(t *testing.T) {
	protect := selecting{says("protect", Violation{Message: "stays"}), func(req *Request) bool {
		return req.Operation == admissionv1.Delete
	}}
	h := newHandler(t, Entry{Check: protect})
	req := createPod(t, webPod())
	if got := ask(t.Context(), t, h, req); !got.Allowed {
		t.Errorf("a create was denied: %v", got.Result)
	}
	req.Operation, req.Object, req.OldObject = admissionv1.Delete, req.OldObject, req.Object
	if got := ask(t.Context(), t, h, req); got.Allowed {
		t.Error("a delete was allowed")
	}
}
