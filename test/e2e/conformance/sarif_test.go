// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const teamless = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"

// sarifSchema is the one of the standard itself.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	return compile(t, read(t, "testdata/sarif-schema-2.1.0.json"))
}

func conforms(t *testing.T, schema *jsonschema.Schema, log string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func configuration(t *testing.T, checks string) config.Configuration {
	t.Helper()
	team := handler.Define("team", handler.Doc{Summary: "Objects have a team.", Why: "Somebody must be asked."},
		func() struct{} { return struct{}{} },
		func(struct{}, handler.Environment) (handler.Check, error) {
			return handler.CheckFor("team", hasTeam), nil
		})
	c, err := config.Parse([]byte(configHead+"checks: "+checks+"\n"), []handler.Definition{team})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func hasTeam(_ context.Context, _ *handler.Request, obj *metav1.PartialObjectMetadata) []handler.Violation {
	if obj.Labels["team"] != "" {
		return nil
	}
	return []handler.Violation{handler.Violationf(field.NewPath("metadata", "labels").Key("team"), "say which team")}
}

// judge judges files by checks, and returns the report with the directory taken out of it.
func judge(t *testing.T, checks string, files map[string]string) *offline.Report {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report, err := offline.Judge(t.Context(), offline.Options{
		Paths: []string{dir}, Configuration: configuration(t, checks), Scheme: scheme.Scheme, Input: strings.NewReader(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Findings {
		report.Findings[i].File = strings.TrimPrefix(report.Findings[i].File, dir+"/")
	}
	return report
}

func TestSARIFConformsToTheStandard(t *testing.T) {
	schema := sarifSchema(t)
	for title, tt := range map[string]struct {
		checks string
		files  map[string]string
		tool   offline.Tool
		want   string // what there has to be, or the row says nothing
	}{
		"no checks":  {checks: "{team: {mode: off}}", files: map[string]string{"a.yaml": teamless}, want: `"results": []`},
		"denied":     {checks: "{team: {mode: deny}}", files: map[string]string{"a.yaml": teamless}, want: `"level": "error"`},
		"warned":     {checks: "{team: {mode: warn}}", files: map[string]string{"a.yaml": teamless}, want: `"level": "warning"`},
		"audited":    {checks: "{team: {mode: audit}}", files: map[string]string{"a.yaml": teamless}, want: `"level": "note"`},
		"unreadable": {checks: "{}", files: map[string]string{"b.yaml": "{"}, want: `"ruleId": "manifest"`},
		"strange names": {
			checks: "{team: {mode: deny}}", files: map[string]string{`a b/ü#?%:.yaml`: teamless}, want: "%C3%BC%23%3F%25",
			tool: offline.Tool{Name: "webhook", Version: "v1.2.3-4-gabc", Directory: "/"},
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
	if err := report.WriteSARIF(&out, offline.Tool{Name: "webhook"}, configuration(t, checks)); err != nil {
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
