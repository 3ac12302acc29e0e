// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
)

// withMutations runs a command line with the built-in checks and mutations.
func withMutations(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), args, Options{
		Stdout: &out, Stderr: &errs, Definitions: slices.Concat(check.Definitions(), mutation.Definitions()),
	})
	return code, out.String(), errs.String()
}

const mutatedFiles = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: web:1
    securityContext: {capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false, runAsNonRoot: true}
`

const (
	head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
	// webhooks are configurations that ask about Pods, the mutating one in namespaces that are labeled.
	webhooks = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: a}
webhooks:
- name: a.example.com
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
`
	mutatingWebhook = `---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: a}
webhooks:
- name: a.example.com
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
`
)

// Checks judge an object as the mutations leave it, as in a cluster.
func TestCheckMutatesFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"web.yaml": mutatedFiles, "webhook.yaml": webhooks, "both.yaml": webhooks + mutatingWebhook,
		"off.yaml":   head + "checks: {podSecurity: {level: restricted}}\n",
		"audit.yaml": head + "checks: {podSecurity: {level: restricted}}\nmutations: {defaultSeccompProfile: {mode: audit}}\n",
		"on.yaml":    head + "checks: {podSecurity: {level: restricted}}\nmutations: {defaultSeccompProfile: {}}\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const changed = "web.yaml:1: changed: Pod \"web\" in namespace \"default\": defaultSeccompProfile\n" +
		"  + spec.securityContext: {\"seccompProfile\":{\"type\":\"RuntimeDefault\"}}\n"
	const told = "audit: Pod \"web\" in namespace \"default\": defaultSeccompProfile: spec.securityContext: would be set to"
	for name, tt := range map[string]struct {
		args       []string
		code       int
		want, lack string
	}{
		"off":                {[]string{"--config=off.yaml", "--show-mutations"}, 1, "denied: Pod", "changed"},
		"audit":              {[]string{"--config=audit.yaml", "--show-mutations"}, 1, told, "changed"},
		"applied":            {[]string{"--config=on.yaml"}, 0, "0 denied", "changed"},
		"shown":              {[]string{"--config=on.yaml", "--show-mutations"}, 0, changed, "denied:"},
		"not asked":          {[]string{"--config=on.yaml", "--webhook-configuration=webhook.yaml"}, 1, "denied: Pod", "changed"},
		"asked":              {[]string{"--config=on.yaml", "--webhook-configuration=both.yaml"}, 0, "0 denied", "changed"},
		"in an output of CI": {[]string{"--config=on.yaml", "--show-mutations", "-o", "sarif"}, 2, "--show-mutations is for the outputs text and json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := withMutations(t, append([]string{"check", "web.yaml"}, tt.args...)...)
			all := stdout + stderr
			if code != tt.code || !strings.Contains(all, tt.want) || tt.lack != "" && strings.Contains(all, tt.lack) {
				t.Errorf("exit code %d, want %d, in\n%s", code, tt.code, all)
			}
		})
	}
	code, stdout, stderr := withMutations(t, "check", "web.yaml", "--config=on.yaml", "--show-mutations", "-o", "json")
	var report offline.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v, %s%s", code, err, stdout, stderr)
	}
	if len(report.Mutated) != 1 || len(report.Mutated[0].Changes) != 1 || report.Mutated[0].Changes[0].Field != "spec.securityContext" {
		t.Errorf("got %+v", report.Mutated)
	}
}

func TestMutationsInTheConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, tt := range map[string]struct{ content, want string }{
		"a good one":       {"mutations: {addMetadata: {labels: {a: b}}}\n", "addMetadata  apply"},
		"in another place": {"checks: {addMetadata: {labels: {a: b}}}\n", "line 3: checks.addMetadata is in the wrong place: write addMetadata below mutations"},
		"a check":          {"mutations: {imageTag: {}}\n", "mutations.imageTag is in the wrong place: write imageTag below checks"},
		"unknown":          {"mutations: {paint: {}}\n", `unknown field "mutations.paint": the mutations are defaultSeccompProfile`},
		"a mode of checks": {"mutations: {addMetadata: {mode: deny, labels: {a: b}}}\n", "mutations.addMetadata.mode: Unsupported value: \"deny\""},
		"nothing to add":   {"mutations: {addMetadata: {}}\n", "name labels or annotations"},
		"exempt images":    {"mutations: {dropCapabilities: {exempt: {images: [\"ghcr.io/acme/*\"]}}}\n", "mutations.dropCapabilities.exempt.images: Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile("c.yaml", []byte(head+tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, stdout, stderr := withMutations(t, "checks", "validate", "c.yaml"); !strings.Contains(stdout+stderr, tt.want) {
				t.Errorf("got %s%s, want %q", stdout, stderr, tt.want)
			}
		})
	}
}

func TestMutationsAreExplained(t *testing.T) {
	_, list, _ := withMutations(t, "checks", "list")
	_, text, _ := withMutations(t, "checks", "explain", "dropCapabilities")
	_, defaults, _ := withMutations(t, "checks", "defaults")
	for got, want := range map[string]string{
		list: "dropCapabilities", text: "It becomes:\n", defaults: "mutations:\n  defaultSeccompProfile:\n    mode: \"off\"\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// Each built-in mutation, with the parameters of its page, is shown for the object of its page.
func TestShowMutationsShowsAll(t *testing.T) {
	for _, d := range mutation.Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			dir := t.TempDir()
			parameters := "    mode: apply\n"
			for line := range strings.Lines(strings.TrimSpace(d.Doc.Parameters)) {
				parameters += "    " + strings.TrimSuffix(line, "\n") + "\n"
			}
			for name, content := range map[string]string{
				"object.yaml": strings.TrimSpace(d.Doc.Denied) + "\n",
				"checks.yaml": head + "checks: {podSecurity: {mode: \"off\"}, imageTag: {mode: \"off\"}}\nmutations:\n  " + d.Name + ":\n" + parameters,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, stdout, stderr := withMutations(t, "check", "--show-mutations", "-f", filepath.Join(dir, "object.yaml"),
				"--config="+filepath.Join(dir, "checks.yaml"))
			if code != 0 || !strings.Contains(stdout, ": "+d.Name+"\n  ") || !strings.Contains(stdout, "changed: ") {
				t.Errorf("exit code %d: %s%s", code, stdout, stderr)
			}
		})
	}
}
