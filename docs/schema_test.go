// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/schema"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const (
	schemaFile = "checkconfiguration.schema.json"
	configHead = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
)

// TestSchema holds the file to the types; -update writes it.
func TestSchema(t *testing.T) {
	want, err := schema.Generate(check.Definitions(), comments{}.of(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		write(t, schemaFile, string(want))
	}
	if diff := cmp.Diff(string(want), read(t, schemaFile)); diff != "" {
		t.Errorf("docs/%s is not what the types say; run `go test ./docs -update` (-types +file):\n%s", schemaFile, diff)
	}
}

// comments are the doc comments of fields, by type and field, of the packages that were read so far.
type comments map[string]map[string]string

// of reads the sources of a type's package when it is asked for one.
func (c comments) of(t *testing.T) schema.Describer {
	t.Helper()
	return func(structure reflect.Type, field string) string {
		dir, ours := strings.CutPrefix(structure.PkgPath(), "github.com/hookstrap/hookstrap/")
		if !ours {
			return ""
		}
		if c[dir] == nil {
			c[dir] = fieldComments(t, "../"+dir)
		}
		text := c[dir][structure.Name()+"."+field]
		if text == "" {
			t.Errorf("%s.%s has no comment, and hence no description in the schema", structure, field)
		}
		return text
	}
}

func validator(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(read(t, schemaFile))))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("file:///schema.json", data); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("file:///schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
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
		"the shipped file": {read(t, "../manifests/base/checks.yaml"), true},
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

// Every check and each of its parameters is there, with the mode and the exemptions that all of them have.
func TestSchemaHasEveryCheck(t *testing.T) {
	var found struct {
		Properties struct {
			Checks struct {
				Properties map[string]struct{ Properties map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, schemaFile)), &found); err != nil {
		t.Fatal(err)
	}
	for _, d := range check.Definitions() {
		properties := found.Properties.Checks.Properties[d.Name].Properties
		data, err := json.Marshal(d.NewParameters())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"mode": nil, "failurePolicy": nil, "onError": nil, "exempt": nil}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		for name := range want {
			if properties[name] == nil {
				t.Errorf("%s has no %s", d.Name, name)
			}
		}
	}
}

// What the shipped file tells editors is where the schema is.
func TestShippedFileNamesItsSchema(t *testing.T) {
	line, _, _ := strings.Cut(read(t, "../manifests/base/checks.yaml"), "\n")
	path, found := strings.CutPrefix(line, "# yaml-language-server: $schema=")
	if _, err := os.Stat(filepath.Join("../manifests/base", path)); !found || err != nil {
		t.Errorf("%q leads to no schema: %v", line, err)
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
	for _, root := range []string{"../README.md", "../ARCHITECTURE.md", ".", "../manifests", "../examples/minimal"} {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
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
