// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/pkg/handler/config/schema"
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
		"everything common": {configHead + "checks: {podSecurity: {mode: warn, onError: allow, exempt: {namespaces: [a], users: [b], groups: [c], " +
			"namespaceSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: Exists}]}, serviceAccounts: [a/b], images: [x]}}}\n", true},
		"unknown check":     {configHead + "checks: {podSecurty: {}}\n", false},
		"unknown field":     {configHead + "checks: {podSecurity: {levle: baseline}}\n", false},
		"unknown exemption": {configHead + "checks: {podSecurity: {exempt: {namespace: [a]}}}\n", false},
		"unknown mode":      {configHead + "checks: {podSecurity: {mode: shout}}\n", false},
		"unknown onError":   {configHead + "checks: {podSecurity: {onError: maybe}}\n", false},
		"wrong type":        {configHead + "checks: {imageTag: {requireDigest: sometimes}}\n", false},
		"on":                {configHead + "checks: {imageTag: {mode: on}}\n", false},
		"unknown top level": {configHead + "chekcs: {}\n", false},
		"other kind":        {strings.Replace(configHead, "Check", "Chick", 1), false},
		"no head":           {"checks: {}\n", false},
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
		want := map[string]any{"mode": nil, "onError": nil, "exempt": nil}
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
