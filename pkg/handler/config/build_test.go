// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

const (
	plainPod      = `{"metadata":{"name":"web","labels":{"team":"a"}},"spec":{"containers":[{"name":"c","image":"x:1"}]}}`
	untaggedPod   = `{"metadata":{"name":"web"},"spec":{"containers":[{"name":"c","image":"x"}]}}`
	digestPod     = `{"metadata":{"name":"web"},"spec":{"containers":[{"name":"c","image":"x@sha256:DIGEST"}]}}`
	privilegedPod = `{"metadata":{"name":"web"},"spec":{"hostNetwork":true,"containers":[{"name":"c","image":"x:1"}]}}`
)

// The whole way: from the words in a file to what becomes of a Pod.
func TestBuild(t *testing.T) {
	tests := map[string]struct {
		config, pod string
		denied      string // what the message has in it; empty for allowed
		warned      string
	}{
		"default, plain":      {pod: plainPod},
		"default, untagged":   {pod: untaggedPod, denied: "imageTag: spec.containers[0].image"},
		"default, privileged": {pod: privilegedPod, denied: "podSecurity: spec: host namespaces"},
		"latest allowed":      {config: "imageTag: {allowLatest: true}", pod: untaggedPod},
		"digest required":     {config: "imageTag: {requireDigest: true}", pod: plainPod, denied: "has no digest"},
		"digest given":        {config: "imageTag: {requireDigest: true}", pod: digestPod},
		"warn":                {config: "imageTag: {mode: warn}", pod: untaggedPod, warned: "imageTag: spec.containers[0]"},
		"off":                 {config: "imageTag: {mode: off}", pod: untaggedPod},
		"image exempt":        {config: "imageTag: {exemptNamespaces: [shop]}", pod: untaggedPod},
		"security exempt":     {config: "podSecurity: {exemptNamespaces: [shop]}", pod: privilegedPod},
		"exempt elsewhere": {
			config: "podSecurity: {exemptNamespaces: [other]}", pod: privilegedPod, denied: "podSecurity",
		},
		"restricted": {config: "podSecurity: {level: restricted}", pod: plainPod, denied: "runAsNonRoot"},
		"restricted, v1.0": {
			config: "podSecurity: {level: restricted, version: v1.0}", pod: plainPod, denied: "runAsNonRoot",
		},
		"privileged": {config: "podSecurity: {level: privileged}", pod: privilegedPod},
		"labels": {
			config: "requiredLabels: {mode: deny, labels: [{key: team, pattern: '[b-z]'}]}", pod: plainPod,
			denied: `requiredLabels: metadata.labels[team]: value "a" does not match "[b-z]"`,
		},
		"labels of others": {
			config: "requiredLabels: {mode: deny, labels: [{key: tier}], resources: [deployments.apps]}", pod: plainPod,
		},
		"labels of pods": {
			config: "requiredLabels: {mode: deny, labels: [{key: tier}], resources: [deployments.apps, pods]}",
			pod:    plainPod, denied: `label "tier" is required`,
		},
		"labels, exempt": {
			config: "requiredLabels: {mode: deny, labels: [{key: tier}], exemptNamespaces: [shop]}", pod: plainPod,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Default()
			if tt.config != "" {
				parsed, err := Parse([]byte(head + "checks: {" + tt.config + "}\n"))
				if err != nil {
					t.Fatal(err)
				}
				c = parsed
			}
			entries, err := Build(c)
			if err != nil {
				t.Fatal(err)
			}
			got := judge(t, entries, strings.Replace(tt.pod, "DIGEST", strings.Repeat("a", 64), 1))
			if got.Allowed != (tt.denied == "") {
				t.Fatalf("got %v", got)
			}
			if !got.Allowed && !strings.Contains(got.Result.Message, tt.denied) {
				t.Errorf("got %q, want %q in it", got.Result.Message, tt.denied)
			}
			if warnings := strings.Join(got.Warnings, "\n"); !strings.Contains(warnings, tt.warned) ||
				(warnings == "") != (tt.warned == "") {
				t.Errorf("got warnings %q, want %q", warnings, tt.warned)
			}
		})
	}
}

// judge creates a Pod in namespace shop.
func judge(t *testing.T, entries []handler.Entry, pod string) *admissionv1.AdmissionResponse {
	t.Helper()
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": {
			"uid": "1", "operation": "CREATE", "name": "web", "namespace": "shop",
			"kind": {"version": "v1", "kind": "Pod"}, "resource": {"version": "v1", "resource": "pods"},
			"object": `+pod+`
		}
	}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &review); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return review.Response
}

func TestBuildNamesChecksAsTheFileDoes(t *testing.T) {
	entries, err := Build(Default())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Check.Name()+" "+string(e.Mode))
	}
	if diff := cmp.Diff([]string{"podSecurity deny", "imageTag deny", "requiredLabels off"}, got); diff != "" {
		t.Error(diff)
	}
	fields, err := json.Marshal(Default().Checks)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.Contains(string(fields), `"`+e.Check.Name()+`":`) {
			t.Errorf("a user told of %q does not find it in the configuration %s", e.Check.Name(), fields)
		}
	}
}

func TestBuildRefusesWhatParseWould(t *testing.T) {
	c := Default()
	c.Checks.PodSecurity.Level = "strict"
	c.Checks.ImageTag.Mode = "shout"
	_, err := Build(c)
	if err == nil || !strings.Contains(err.Error(), "strict") || !strings.Contains(err.Error(), "shout") {
		t.Errorf("got %v", err)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	c := Default()
	c.Checks.PodSecurity.Level = "changed"
	if got := Default().Checks.PodSecurity.Level; got != "baseline" {
		t.Errorf("got %s", got)
	}
}

// The example in the package documentation is one that works.
func TestDocumentation(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	for line := range strings.Lines(string(source)) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			example.WriteString(code)
		}
	}
	got, err := Parse([]byte(example.String()))
	if err != nil {
		t.Fatal(err)
	}
	want := changed(func(c *Checks) {
		c.PodSecurity.ExemptNamespaces = []string{"monitoring"}
		c.RequiredLabels = RequiredLabels{
			Mode: handler.Warn, Labels: []Label{{Key: "team", Pattern: "[a-z]+"}},
			Resources: []string{"pods", "deployments.apps"},
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
