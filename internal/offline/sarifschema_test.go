// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sarifSchema is the one of the standard itself.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const file = "testdata/sarif/sarif-schema-2.1.0.json"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("file:///sarif.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("file:///sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func conforms(t *testing.T, schema *jsonschema.Schema, log string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestSARIFConformsToTheStandard(t *testing.T) {
	schema := sarifSchema(t)
	for title, tt := range map[string]struct {
		checks string
		files  map[string]string
		tool   Tool
		want   string // what there has to be, or the row says nothing
	}{
		"no checks":  {checks: "{team: {mode: off}}", files: map[string]string{"a.yaml": teamless}, want: `"results": []`},
		"denied":     {checks: "{team: {mode: deny}}", files: map[string]string{"a.yaml": teamless}, want: `"level": "error"`},
		"warned":     {checks: "{team: {mode: warn}}", files: map[string]string{"a.yaml": teamless}, want: `"level": "warning"`},
		"audited":    {checks: "{team: {mode: audit}}", files: map[string]string{"a.yaml": teamless}, want: `"level": "note"`},
		"unreadable": {checks: "{}", files: map[string]string{"b.yaml": "{"}, want: `"ruleId": "manifest"`},
		"strange names": {
			checks: "{team: {mode: deny}}", files: map[string]string{`a b/ü#?%:.yaml`: teamless}, want: "%C3%BC%23%3F%25",
			tool: Tool{Name: "webhook", Version: "v1.2.3-4-gabc", Directory: "/"},
		},
	} {
		t.Run(title, func(t *testing.T) {
			if tt.tool.Name == "" {
				tt.tool.Name = "webhook"
			}
			var out bytes.Buffer
			err := judge(t, tt.checks, tt.files).WriteSARIF(&out, tt.tool, configuration(t, tt.checks))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Fatalf("no %s in %s", tt.want, &out)
			}
			if err := conforms(t, schema, out.String()); err != nil {
				t.Errorf("%v:\n%s", err, &out)
			}
		})
	}
}

// The schema is one that finds what is wrong.
func TestSARIFSchemaRefuses(t *testing.T) {
	schema := sarifSchema(t)
	var out bytes.Buffer
	checks := "{team: {mode: deny}}"
	report := judge(t, checks, map[string]string{"a.yaml": teamless})
	if err := report.WriteSARIF(&out, Tool{Name: "webhook"}, configuration(t, checks)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"version": "2.1.0"`, `"version": "2.0.0"`}, {`"level": "error"`, `"level": "denied"`},
		{`"startLine": 3`, `"startLine": 0`}, {`"ruleIndex": 1`, `"ruleIndex": -2`}, {`"message"`, `"massage"`},
		{`"uri": "a.yaml"`, `"uri": "%zz"`}, {`"name": "webhook",`, ""},
	} {
		broken := strings.Replace(out.String(), change[0], change[1], 1)
		if broken == out.String() {
			t.Errorf("there is no %s in %s", change[0], &out)
		} else if conforms(t, schema, broken) == nil {
			t.Errorf("%s passes", change[1])
		}
	}
}
