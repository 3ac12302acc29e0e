// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

const head = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"

// changed is the default configuration with a change.
func changed(change func(*Checks)) Configuration {
	c := Default()
	change(&c.Checks)
	return c
}

func TestParse(t *testing.T) {
	tests := map[string]struct {
		data string
		want Configuration
	}{
		"defaults":         {head, Default()},
		"empty checks":     {head + "checks: {}\n", Default()},
		"null checks":      {head + "checks:\n  podSecurity:\n  imageTag: null\n", Default()},
		"null mode":        {head + "checks: {imageTag: {mode: }}\n", Default()},
		"document markers": {"# a comment\n---\n" + head + "---\n# the end\n", Default()},
		"JSON":             {`{"apiVersion":"hookstrap.dev/v1alpha1","kind":"CheckConfiguration"}`, Default()},
		"one field": {
			head + "checks: {podSecurity: {level: restricted}}\n",
			changed(func(c *Checks) { c.PodSecurity.Level = "restricted" }),
		},
		"off is a boolean in YAML": {
			head + "checks: {podSecurity: {mode: off}, imageTag: {mode: \"off\"}}\n",
			changed(func(c *Checks) { c.PodSecurity.Mode, c.ImageTag.Mode = handler.Off, handler.Off }),
		},
		"everything": {
			head + `
checks:
  podSecurity: {mode: warn, level: privileged, version: v1.30, exemptNamespaces: [monitoring, backup]}
  imageTag: {mode: audit, requireDigest: true, exemptNamespaces: [dev]}
  requiredLabels:
    mode: deny
    labels:
    - {key: team, pattern: "[a-z]+"}
    - {key: app.kubernetes.io/name}
    resources: [pods, deployments.apps]
    exemptNamespaces: [x]
`,
			changed(func(c *Checks) {
				c.PodSecurity = PodSecurity{
					Mode: handler.Warn, Level: "privileged", Version: "v1.30",
					ExemptNamespaces: []string{"monitoring", "backup"},
				}
				c.ImageTag = ImageTag{Mode: handler.Audit, RequireDigest: true, ExemptNamespaces: []string{"dev"}}
				c.RequiredLabels = RequiredLabels{
					Mode:      handler.Deny,
					Labels:    []Label{{Key: "team", Pattern: "[a-z]+"}, {Key: "app.kubernetes.io/name"}},
					Resources: []string{"pods", "deployments.apps"}, ExemptNamespaces: []string{"x"},
				}
			}),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(tt.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := map[string]struct {
		data string
		want []string
	}{
		"empty":              {"", []string{"it is empty: begin with apiVersion: hookstrap.dev/v1alpha1"}},
		"only a comment":     {"# nothing\n---\n", []string{"it is empty"}},
		"no head":            {"checks: {}\n", []string{`apiVersion "", kind ""`}},
		"other version":      {strings.Replace(head, "v1alpha1", "v2", 1), []string{`"hookstrap.dev/v2"`}},
		"other kind":         {strings.Replace(head, "Check", "Chick", 1), []string{`kind "ChickConfiguration"`}},
		"not YAML":           {"a: b: c\n", []string{"it is not YAML"}},
		"tab":                {head + "\tchecks: {}\n", []string{"it is not YAML"}},
		"a list":             {"- a\n", []string{"it is not a CheckConfiguration"}},
		"two documents":      {head + "---\n" + head, []string{"more than one YAML document"}},
		"key twice":          {head + "checks: {}\nchecks: {}\n", []string{"already"}},
		"text after marker":  {head + "--- {a: b}\n", []string{"not YAML"}},
		"wrong type":         {head + "checks: {imageTag: {requireDigest: sometimes}}\n", []string{"requireDigest"}},
		"version is a float": {head + "checks: {podSecurity: {version: 1.30}}\n", []string{"version"}},
		"mode is true":       {head + "checks: {imageTag: {mode: on}}\n", []string{"mode true is not one of"}},
		"misspelled fields, all of them": {
			head + "chekcs: {}\nchecks: {podSecurity: {levle: x}, imagetag: {}, imageTag: {Mode: warn}}\n",
			[]string{`unknown field "chekcs"`, `"checks.podSecurity.levle"`, `"checks.imagetag"`, `"checks.imageTag.Mode"`},
		},
		"values, all of them": {
			head + `
checks:
  podSecurity: {mode: shout, level: strict, version: "1.30", exemptNamespaces: [Not_A_Namespace, ""]}
  imageTag: {mode: "", requireDigest: true, allowLatest: true}
  requiredLabels:
    mode: deny
    labels: [{key: "a b"}, {key: ok, pattern: "("}]
    resources: ["apps/v1 Deployment"]
  typo: 1
`,
			[]string{
				`unknown field "checks.typo"`,
				`checks.podSecurity.mode: Unsupported value: "shout": supported values: "deny", "warn", "audit", "off"`,
				`checks.podSecurity.level: Unsupported value: "strict"`,
				`checks.podSecurity.version: Invalid value: "1.30": must be "latest" or "v1.x"`,
				`checks.podSecurity.exemptNamespaces[0]: Invalid value: "Not_A_Namespace"`,
				`checks.podSecurity.exemptNamespaces[1]: Invalid value: ""`,
				`checks.imageTag.mode: Unsupported value: ""`,
				`checks.imageTag.allowLatest: Forbidden`,
				`checks.requiredLabels.labels[0]: Invalid value: "a b"`,
				`checks.requiredLabels.labels[1]: Invalid value: "ok"`,
				`checks.requiredLabels.resources[0]: Invalid value: "apps/v1 Deployment"`,
			},
		},
		"labels wanted, none named": {
			head + "checks: {requiredLabels: {mode: warn}}\n",
			[]string{"checks.requiredLabels.labels: Required value: list a label, or set mode: off"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(tt.data))
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s\nis not in the error:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is not on one line: %v", err)
			}
			if diff := cmp.Diff(Configuration{}, got); diff != "" {
				t.Errorf("something comes with the error: %s", diff)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checks.yaml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: got %v", err)
	}
	if err := os.WriteFile(path, []byte(head+"checks: {imageTag: {mode: warn}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil || got.Checks.ImageTag.Mode != handler.Warn {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+" is not valid: ") {
		t.Errorf("bad file: got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "checks: {imageTag: {mode: warn}}\n"))
	f.Add([]byte("---\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		// What is accepted can be used.
		entries, err := Build(c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if _, err := handler.New(handler.Options{Entries: entries}); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
	})
}
