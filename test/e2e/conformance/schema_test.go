// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const configHead = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"

func validator(t *testing.T) *jsonschema.Schema {
	t.Helper()
	return compile(t, read(t, root+"/docs/checkconfiguration.schema.json"))
}

func validate(t *testing.T, s *jsonschema.Schema, file string) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

// The schema says what the decoder does, to a validator that is not ours.
func TestSchemaAgreesWithTheDecoder(t *testing.T) {
	s := validator(t)
	for name, tt := range map[string]struct {
		file string
		good bool
	}{
		"the shipped file": {read(t, root+"/manifests/base/checks.yaml"), true},
		"nothing":          {configHead, true},
		"null":             {configHead + "checks: {podSecurity: }\n", true},
		"off":              {configHead + "checks: {podSecurity: {mode: off}, imageTag: {mode: 'off'}}\n", true},
		"everything common": {configHead + "checks: {podSecurity: {mode: warn, failurePolicy: Ignore, exempt: {namespaces: [a], users: [b], groups: [c], " +
			"namespaceSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: Exists}]}, serviceAccounts: [a/b], images: [x]}}}\n", true},
		"unknown check":     {configHead + "checks: {podSecurty: {}}\n", false},
		"unknown field":     {configHead + "checks: {podSecurity: {levle: baseline}}\n", false},
		"unknown exemption": {configHead + "checks: {podSecurity: {exempt: {namespace: [a]}}}\n", false},
		"unknown mode":      {configHead + "checks: {podSecurity: {mode: shout}}\n", false},
		"unknown policy":    {configHead + "checks: {podSecurity: {failurePolicy: deny}}\n", false},
		"onError":           {configHead + "checks: {podSecurity: {onError: allow}}\n", true},
		"unknown onError":   {configHead + "checks: {podSecurity: {onError: Fail}}\n", false},
		"both":              {configHead + "checks: {podSecurity: {onError: deny, failurePolicy: Fail}}\n", false},
		"wrong type":        {configHead + "checks: {imageTag: {requireDigest: sometimes}}\n", false},
		"on":                {configHead + "checks: {imageTag: {mode: on}}\n", false},
		"unknown level":     {configHead + "checks: {podSecurity: {level: strict}}\n", false},
		"unknown level of a rule": {
			configHead + "checks: {podSecurity: {rules: [{namespaceSelector: {}, level: strict}]}}\n", false,
		},
		"level of a rule": {
			configHead + "checks: {podSecurity: {rules: [{namespaceSelector: {}, level: restricted}]}}\n", true,
		},
		"unknown operator": {
			configHead + "checks: {imageTag: {exempt: {namespaceSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}}}}\n", false,
		},
		"unknown uniqueness":    {configHead + "checks: {ingressHosts: {unique: always}}\n", false},
		"uniqueness":            {configHead + "checks: {ingressHosts: {unique: none}}\n", true},
		"unknown Service":       {configHead + "checks: {services: {allowedTypes: [ClusterIP, NodePorts]}}\n", false},
		"Services":              {configHead + "checks: {services: {allowedTypes: [ClusterIP, NodePort]}}\n", true},
		"unknown profile":       {configHead + "checks: {seccomp: {allowedTypes: [runtime/default]}}\n", false},
		"unknown field of RBAC": {configHead + "checks: {rbacWildcards: {allowedWildcards: [verb]}}\n", false},
		"unknown top level":     {configHead + "chekcs: {}\n", false},
		"other kind":            {strings.Replace(configHead, "Check", "Chick", 1), false},
		"no head":               {"checks: {}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := validate(t, s, tt.file); (err == nil) != tt.good {
				t.Errorf("the schema says %v, want it to be good: %t", err, tt.good)
			}
			if _, err := config.Parse([]byte(tt.file), check.Definitions()); (err == nil) != tt.good {
				t.Errorf("the decoder says %v, want it to be good: %t", err, tt.good)
			}
		})
	}
}

// What a check says is no value is none for an editor either, wherever it stands in the parameters.
func TestSchemaHasEveryEnumeration(t *testing.T) {
	s := validator(t)
	seen := 0
	for _, d := range check.Definitions() {
		for _, path := range texts(reflect.TypeOf(d.NewParameters()).Elem()) {
			parameters := d.NewParameters()
			if err := yaml.Unmarshal([]byte(wrap(path, "no-such-value")), parameters); err != nil {
				t.Fatal(err)
			}
			for _, err := range d.Validate(field.NewPath(d.Name), parameters) {
				if err.Type != field.ErrorTypeNotSupported || err.BadValue != "no-such-value" {
					continue
				}
				seen++
				if validate(t, s, configHead+"checks: {"+d.Name+": "+wrap(path, "no-such-value")+"}") == nil {
					t.Errorf("the schema has any value for %s, which is none of a few", err.Field)
				}
			}
		}
	}
	if seen < 6 {
		t.Errorf("%d enumerations were found", seen)
	}
}

// texts are the paths of all texts in a structure: names, and "[]" for an item of a list.
func texts(of reflect.Type) [][]string {
	switch of.Kind() {
	case reflect.String:
		return [][]string{nil}
	case reflect.Slice:
		return below("[]", texts(of.Elem()))
	case reflect.Struct:
		var all [][]string
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			all = append(all, below(name, texts(f.Type))...)
		}
		return all
	default:
		return nil
	}
}

func below(name string, paths [][]string) [][]string {
	for i := range paths {
		paths[i] = append([]string{name}, paths[i]...)
	}
	return paths
}

// wrap is a value at a path, in YAML.
func wrap(path []string, value string) string {
	if len(path) == 0 {
		return value
	}
	if path[0] == "[]" {
		return "[" + wrap(path[1:], value) + "]"
	}
	return "{" + path[0] + ": " + wrap(path[1:], value) + "}"
}

// Whatever configuration people are shown is one.
func TestSchemaTakesEveryExample(t *testing.T) {
	s := validator(t)
	for _, d := range check.Definitions() {
		indented := "    " + strings.ReplaceAll(strings.TrimSpace(d.Doc.Parameters), "\n", "\n    ")
		if err := validate(t, s, configHead+"checks:\n  "+d.Name+":\n"+indented+"\n"); err != nil {
			t.Errorf("the parameters that the page has for %s: %v", d.Name, err)
		}
	}
	seen := 0
	for _, dir := range []string{"README.md", "README.zh-CN.md", "ARCHITECTURE.md", "docs", "manifests", "examples/minimal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !slices.Contains([]string{".md", ".yaml"}, filepath.Ext(path)) {
				return err
			}
			for _, text := range configurations(read(t, path)) {
				seen++
				if err := validate(t, s, text); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 2 {
		t.Errorf("%d configurations were found", seen)
	}
}

// configurations are what in a page or a file is, or begins like, a configuration.
func configurations(text string) []string {
	const head = "apiVersion: " + config.APIVersion + "\nkind: " + config.Kind
	var found []string
	for {
		_, rest, ok := strings.Cut(text, head)
		if !ok {
			return found
		}
		body, _, _ := strings.Cut(rest, "\n```")
		body, _, _ = strings.Cut(body, "\n---")
		found = append(found, head+body)
		text = rest
	}
}
