// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	gojunit "github.com/joshdk/go-junit"

	"github.com/hookstrap/hookstrap/internal/offline"
)

// junitRules are what the schema junit-10.xsd of Jenkins' xunit plugin says of the elements that we write: what may be in
// them, and the attributes that they must have and those that they may have.
func junitRules() map[string]struct{ children, required, optional []string } {
	return map[string]struct{ children, required, optional []string }{
		"testsuites": {[]string{"testsuite"}, nil, []string{"name", "time", "tests", "failures", "errors"}},
		"testsuite": {
			[]string{"testsuite", "properties", "testcase", "system-out", "system-err"},
			[]string{"name", "tests", "failures", "errors"},
			[]string{"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
		},
		"testcase": {
			[]string{"skipped", "error", "failure", "system-out", "system-err"}, []string{"name"},
			[]string{"time", "classname", "group"},
		},
		"failure": {nil, nil, []string{"type", "message"}}, "error": {nil, nil, []string{"type", "message"}},
		"skipped": {nil, nil, []string{"type", "message"}}, "system-out": {},
	}
}

// breaksJUnit is the first rule that a document breaks.
func breaksJUnit(document []byte) error {
	rules := junitRules()
	decoder := xml.NewDecoder(bytes.NewReader(document))
	parents := []string{""}
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch element := token.(type) {
		case xml.StartElement:
			name, parent := element.Name.Local, parents[len(parents)-1]
			if parent == "" && name != "testsuites" || parent != "" && !slices.Contains(rules[parent].children, name) {
				return fmt.Errorf("%s is in %q", name, parent)
			}
			missing := slices.Clone(rules[name].required)
			for _, attribute := range element.Attr {
				missing = slices.DeleteFunc(missing, func(want string) bool { return want == attribute.Name.Local })
				if !slices.Contains(slices.Concat(rules[name].required, rules[name].optional), attribute.Name.Local) {
					return fmt.Errorf("%s has the attribute %s", name, attribute.Name.Local)
				}
			}
			if len(missing) > 0 {
				return fmt.Errorf("%s lacks %s", name, missing)
			}
			parents = append(parents, name)
		case xml.EndElement:
			parents = parents[:len(parents)-1]
		}
	}
}

// Another parser reads what we write as it is meant: each object as a test, with its outcome.
func TestJUnitIsRead(t *testing.T) {
	named := strings.Replace(teamless, "name: a", "name: \"a<&\\u0007\\n\\\"b\"", 1)
	for title, tt := range map[string]struct {
		checks string
		level  offline.Level
		files  map[string]string
		want   gojunit.Totals
	}{
		"passed":         {"{team: {mode: off}}", offline.Denied, map[string]string{"a.yaml": teamless}, gojunit.Totals{Tests: 1, Passed: 1}},
		"failed":         {"{team: {mode: deny}}", offline.Denied, map[string]string{"a.yaml": teamless}, gojunit.Totals{Tests: 1, Failed: 1}},
		"warned":         {"{team: {mode: warn}}", offline.Denied, map[string]string{"a.yaml": teamless}, gojunit.Totals{Tests: 1, Passed: 1}},
		"warned, strict": {"{team: {mode: warn}}", offline.Warned, map[string]string{"a.yaml": teamless}, gojunit.Totals{Tests: 1, Failed: 1}},
		"unreadable":     {"{}", offline.Denied, map[string]string{"a.yaml": "{"}, gojunit.Totals{Tests: 1, Error: 1}},
		"two files":      {"{team: {}}", offline.Denied, map[string]string{"a.yaml": teamless, "b.yaml": teamless}, gojunit.Totals{Tests: 2, Failed: 2}},
		"a hostile name": {"{team: {}}", offline.Denied, map[string]string{"a.yaml": named}, gojunit.Totals{Tests: 1, Failed: 1}},
		"a hostile file": {"{team: {}}", offline.Denied, map[string]string{`a<&"'>.yaml`: teamless}, gojunit.Totals{Tests: 1, Failed: 1}},
	} {
		t.Run(title, func(t *testing.T) {
			var out bytes.Buffer
			if err := judge(t, tt.checks, tt.files).WriteJUnit(&out, "webhook", tt.level); err != nil {
				t.Fatal(err)
			}
			if err := breaksJUnit(out.Bytes()); err != nil {
				t.Errorf("%v:\n%s", err, &out)
			}
			suites, err := gojunit.Ingest(out.Bytes())
			if err != nil {
				t.Fatalf("%v:\n%s", err, &out)
			}
			var got gojunit.Totals
			for _, s := range suites {
				got.Tests, got.Passed, got.Skipped = got.Tests+s.Totals.Tests, got.Passed+s.Totals.Passed, got.Skipped+s.Totals.Skipped
				got.Failed, got.Error = got.Failed+s.Totals.Failed, got.Error+s.Totals.Error
			}
			if got != tt.want || len(suites) != len(tt.files) {
				t.Errorf("%d suites, %+v, want %+v:\n%s", len(suites), got, tt.want, &out)
			}
		})
	}
}

// The rules are such that find what is wrong.
func TestJUnitRulesRefuse(t *testing.T) {
	var out bytes.Buffer
	if err := judge(t, "{team: {}}", map[string]string{"a.yaml": teamless}).WriteJUnit(&out, "webhook", offline.Denied); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`<testcase `, `<testcase file="a.yaml" `}, {`<testsuite name=`, `<testsuite title=`},
		{"failure", "finding"}, {"testsuites", "suites"}, {`failures="1" errors="0" skipped`, `errors="0" skipped`},
	} {
		broken := strings.ReplaceAll(out.String(), change[0], change[1])
		if broken == out.String() {
			t.Errorf("there is no %s in %s", change[0], &out)
		} else if breaksJUnit([]byte(broken)) == nil {
			t.Errorf("%s passes", change[1])
		}
	}
}
