// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const (
	head      = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
	ownerless = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {example.com/owner: jane@evil.example}}\n"
	review    = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE",
		"kind":{"version":"v1","kind":"Namespace"},"resource":{"version":"v1","resource":"namespaces"},"name":"shop","namespace":"shop",
		"userInfo":{"username":"jane","groups":["ops"]},
		"object":{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}}}`
)

// The check has modes, parameters, exemptions and metrics, beside the built-in ones.
func TestOwnCheckIsLikeABuiltInOne(t *testing.T) {
	for checks, want := range map[string]struct{ decision, says string }{
		"{ownerEmail: {domain: example.com}}":                         {"denied", `ownerEmail: metadata.annotations[example.com/owner]: "" is no address of example.com`},
		"{ownerEmail: {domain: example.com, annotation: x/y}}":        {"denied", "metadata.annotations[x/y]"},
		"{ownerEmail: {domain: example.com, mode: warn}}":             {"warned", "ownerEmail: "},
		"{ownerEmail: {domain: example.com, mode: audit}}":            {"audited", "ownerEmail"},
		"{ownerEmail: {domain: x, exempt: {groups: [ops]}}}":          {"", "ownerEmail-exempt"},
		"{ownerEmail: {domain: x, mode: off}, imageTag: {mode: off}}": {"", `"allowed":true`},
	} {
		t.Run(checks, func(t *testing.T) {
			c, err := config.Parse([]byte(head+"checks: "+checks+"\n"), definitions())
			if err != nil {
				t.Fatal(err)
			}
			entries, err := c.Build(handler.Environment{})
			if err != nil {
				t.Fatal(err)
			}
			registry := prometheus.NewRegistry()
			h, err := handler.New(handler.Options{Entries: entries, Registerer: registry})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate", strings.NewReader(review))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var answer admissionv1.AdmissionReview
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if text := strings.ReplaceAll(w.Body.String(), `\"`, `"`); !strings.Contains(text, want.says) {
				t.Errorf("got %s, want %s in it", text, want.says)
			}
			if want.decision == "" {
				return
			}
			counted := counter(t, registry, map[string]string{"check": "ownerEmail", "decision": want.decision, "resource": "namespaces"})
			if counted != 1 {
				t.Errorf("counted %v times, want once", counted)
			}
		})
	}
}

// counter is the number of decisions with these labels.
func counter(t *testing.T, registry *prometheus.Registry, labels map[string]string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != "hookstrap_admission_check_decisions_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			matched := 0
			for _, pair := range metric.GetLabel() {
				if labels[pair.GetName()] == pair.GetValue() {
					matched++
				}
			}
			if matched == len(labels) {
				sum += metric.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// It is judged offline, by the program as a whole.
func TestOwnCheckOffline(t *testing.T) {
	dir := t.TempDir()
	manifest, checks := filepath.Join(dir, "namespace.yaml"), filepath.Join(dir, "checks.yaml")
	for path, content := range map[string]string{manifest: ownerless, checks: head + "checks: {ownerEmail: {domain: example.com}}\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	code := command.Run(t.Context(), []string{"check", "-f", manifest, "--config", checks}, command.Options{
		Name: "own-check", Definitions: definitions(), Stdout: &out, Stderr: &out,
	})
	want := `namespace.yaml:3: denied: Namespace "shop": ownerEmail: metadata.annotations[example.com/owner]: "jane@evil.example" is no address of example.com`
	if code != 1 || !strings.Contains(out.String(), want) {
		t.Errorf("exit code %d: %s", code, &out)
	}
}

// Its parameters are validated with everything else.
func TestOwnParametersAreValidated(t *testing.T) {
	_, err := config.Parse([]byte(head+"checks:\n  ownerEmail:\n    anotation: x\n"), definitions())
	for _, want := range []string{`line 5: unknown field "checks.ownerEmail.anotation"`, "line 4: checks.ownerEmail.domain: Required value"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
