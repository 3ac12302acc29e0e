// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// changed is the default configuration with a change.
func changed(change func(paint, extra *Check)) Configuration {
	c := Default(definitions())
	change(&c.Checks[0], &c.Checks[1])
	return c
}

func nothing(*Check, *Check) {}

func TestParse(t *testing.T) {
	tests := map[string]struct {
		data string
		want func(paint, extra *Check)
	}{
		"defaults":         {head, nothing},
		"empty checks":     {head + "checks: {}\n", nothing},
		"null checks":      {head + "checks:\n", nothing},
		"null fields":      {head + "checks: {paint: {mode: , color: , exempt: , failurePolicy: , onError: }}\n", nothing},
		"document markers": {"# a comment\n---\n" + head + "---\n# the end\n", nothing},
		"empty documents":  {"---\n---\n" + head + "---\n---\n", nothing},
		"a directive":      {"%YAML 1.2\n---\n" + head, nothing},
		"dots at the end":  {head + "...\n# the end\n", nothing},
		"JSON":             {`{"apiVersion":"hookstrap.dev/v1alpha1","kind":"CheckConfiguration"}`, nothing},
		"one field": {
			head + "checks: {paint: {color: blue}}\n", func(paint, _ *Check) { paint.Parameters.(*colors).Color = "blue" },
		},
		"list replaces the default": {
			head + "checks: {paint: {rules: [{values: {}}, {key: b}]}}\n",
			func(paint, _ *Check) {
				paint.Parameters.(*colors).Rules = []rule{{Values: map[string]string{}}, {Key: "b"}}
			},
		},
		"named, hence on": {
			head + "checks: {extra: {rules: [{key: a}]}}\n",
			func(_, extra *Check) {
				extra.Mode, extra.Parameters = handler.Deny, &colors{Color: "red", Rules: []rule{{Key: "a"}}}
			},
		},
		"nothing under the name": {head + "checks:\n  paint:\n", nothing},
		"off needs nothing":      {head + "checks: {extra: {mode: \"off\"}}\n", nothing},
		"off is a boolean in YAML": {
			head + "checks: {paint: {mode: off}}\n", func(paint, _ *Check) { paint.Mode = handler.Off },
		},
		"everything": {
			head + `
checks:
  paint:
    mode: warn
    failurePolicy: Ignore
    exempt:
      namespaces: [a, b]
      namespaceSelector: {matchLabels: {a: b}}
      users: [jane]
      groups: [ops]
      serviceAccounts: [ci/deployer]
      images: [ghcr.io/acme/*]
    color: blue
    size: 3
    rules:
    - {key: x, values: {a.b/c: d}}
`,
			func(paint, _ *Check) {
				paint.Mode, paint.FailurePolicy = handler.Warn, handler.Ignore
				paint.Exempt = handler.Exemptions{
					Namespaces: []string{"a", "b"}, NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
					Users: []string{"jane"}, Groups: []string{"ops"}, ServiceAccounts: []string{"ci/deployer"},
					Images: []string{"ghcr.io/acme/*"},
				}
				paint.Parameters = &colors{Color: "blue", Size: 3, Rules: []rule{{Key: "x", Values: map[string]string{"a.b/c": "d"}}}}
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(tt.data), definitions())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(settings(changed(tt.want)), settings(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// settings are a configuration without the definitions, which hold functions.
func settings(c Configuration) []any {
	var all []any
	for _, check := range c.Checks {
		all = append(all, check.Definition.Name, check.Mode, check.FailurePolicy, check.Exempt, check.Parameters)
	}
	return all
}

// That a check is named turns it on, also if nothing is under its name.
func TestNamedWithNothingUnderIt(t *testing.T) {
	loose := define("loose", "", colors{Color: "red", Rules: []rule{{Key: "a"}}})
	for _, value := range []string{"", "null", "{}"} {
		got, err := Parse([]byte(head+"checks:\n  loose: "+value+"\n"), []handler.Definition{loose})
		if err != nil || got.Check("loose").Mode != handler.Deny {
			t.Errorf("%q: got %+v, %v", value, got, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := map[string]struct {
		data string
		want []string
	}{
		"empty":           {"", []string{"it is empty: begin with apiVersion: hookstrap.dev/v1alpha1"}},
		"only a comment":  {"# nothing\n---\n", []string{"it is empty"}},
		"no head":         {"checks: {}\n", []string{`apiVersion "", kind ""`}},
		"other version":   {strings.Replace(head, "v1alpha1", "v2", 1), []string{`"hookstrap.dev/v2"`}},
		"other kind":      {strings.Replace(head, "Check", "Chick", 1), []string{`kind "ChickConfiguration"`}},
		"not YAML":        {"a: b: c\n", []string{"it is not valid YAML"}},
		"tab":             {head + "\tchecks: {}\n", []string{"it is not valid YAML"}},
		"a list":          {"- a\n", []string{"it is not a CheckConfiguration"}},
		"two documents":   {head + "---\n" + head, []string{"more than one YAML document"}},
		"more after dots": {head + "...\nchecks: {nosuch: {}}\n", []string{"something follows its first document"}},
		"two JSON values": {
			`{"apiVersion":"hookstrap.dev/v1alpha1","kind":"CheckConfiguration"}` + "\n" + `{"checks":{"nosuch":{}}}`,
			[]string{"something follows its first document"},
		},
		"text after marker": {head + "--- {a: b}\n", []string{"not valid YAML"}},
		"named with nothing, and needs something": {
			head + "checks:\n  extra:\n", []string{"checks.extra.rules: Required value: list a rule"},
		},
		"checks is a list":  {head + "checks: [paint]\n", []string{"line 3: checks must have a field for each check"}},
		"check is a string": {head + "checks:\n  paint: deny\n", []string{"line 4: checks.paint must have fields, such as mode"}},
		"keys twice, and whatever else is wrong": {
			head + "checks:\n  paint:\n    color: blue\n    size: 1\n    color: green\nchecks:\n  paint: {color: pink}\n",
			[]string{
				`line 7: field "color" is there twice, first on line 5`, `line 8: field "checks" is there twice, first on line 3`,
				`checks.paint.color: Unsupported value: "pink"`,
			},
		},
		"wrong types, all of them": {
			head + "checks:\n  paint:\n    size: big\n    color: 1.30\n    mode: on\n    exempt:\n      namespaces: shop\n",
			[]string{
				"line 5: checks.paint.size: must be of type int and is of type string", "line 6: checks.paint.color: must be of type string and is of type number",
				"line 7: checks.paint.mode: mode true is not one of", "line 9: checks.paint.exempt.namespaces: must be of type list and is of type string",
			},
		},
		"misspelled fields, all of them": {
			head + `
chekcs: {}
checks:
  paint:
    colr: red
    rules:
    - key: a
      vlaues: {}
    Mode: warn
    exempt:
      namespace: [a]
  Extra: {}
  else: {}
`,
			[]string{
				`line 4: unknown field "chekcs"`, `line 7: unknown field "checks.paint.colr"`,
				`line 10: unknown field "checks.paint.rules[0].vlaues"`, `line 11: unknown field "checks.paint.Mode"`,
				`line 13: unknown field "checks.paint.exempt.namespace"`, `line 14: unknown field "checks.Extra": did you mean "extra"?`,
				`line 15: unknown field "checks.else": the checks are paint, extra`,
			},
		},
		"values, all of them": {
			head + `
checks:
  paint:
    mode: shout
    failurePolicy: maybe
    exempt: {namespaces: [ok, Not_A_Namespace],
      images: ["*"]}
    color: green
    rules: [{key: ok}, {key: bad}]
  extra:
    mode: warn
  typo: 1
`,
			[]string{
				`line 6: checks.paint.mode: Unsupported value: "shout": supported values: "deny", "denyWhenClean", "warn", "audit", "off"`,
				`line 7: checks.paint.failurePolicy: Unsupported value: "maybe": supported values: "Fail", "Ignore"`,
				`line 8: checks.paint.exempt.namespaces[1]: Invalid value: "Not_A_Namespace"`,
				`line 9: checks.paint.exempt.images[0]: Invalid value: "*"`,
				`line 10: checks.paint.color: Unsupported value: "green"`,
				`line 11: checks.paint.rules[1].key: Invalid value: "bad"`,
				`line 12: checks.extra.rules: Required value: list a rule`,
				`line 14: unknown field "checks.typo"`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(tt.data), definitions())
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
			if len(got.Checks) > 0 {
				t.Errorf("something comes with the error: %+v", got)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checks.yaml")
	if _, err := Load(path, definitions()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: got %v", err)
	}
	if err := os.WriteFile(path, []byte(head+"checks: {paint: {mode: warn}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, definitions())
	if err != nil || got.Check("paint").Mode != handler.Warn {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, definitions()); err == nil || !strings.Contains(err.Error(), path+" is not valid: ") {
		t.Errorf("bad file: got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "checks: {imageTag: {mode: warn}}\n"))
	f.Add([]byte(head + "checks:\n  podSecurity: {level: restricted, exempt: {namespaces: [a], images: [b/*]}}\n"))
	f.Add([]byte("---\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, check.Definitions())
		if err != nil {
			return
		}
		// What is accepted can be used.
		entries, err := c.Build(handler.Environment{Cluster: neverAsked{}})
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if _, err := handler.New(handler.Options{Entries: entries}); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
	})
}
