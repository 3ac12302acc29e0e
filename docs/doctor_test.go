// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// Each kind of finding has a section, to which reports lead by its identifier.
func TestDoctorPage(t *testing.T) {
	page, known := "\n", map[string]bool{}
	for _, p := range doctor.Problems() {
		if p.Title == "" || p.Fix == "" || p.Why == "" && !p.Callable || known[p.ID] {
			t.Errorf("%q lacks something, or is there twice", p.ID)
		}
		known[p.ID] = true
		page += fmt.Sprintf("## %s\n\n*%s.* %s %s\n\n", p.ID, p.Severity, p.Title,
			cmp.Or(p.Why, "The webhook cannot be called: with failurePolicy `Fail`, requests that its rules match are refused."))
		if p.Seen != "" {
			page += fmt.Sprintf("The API server says, for instance: `%s`\n\n", p.Seen)
		}
		page += fmt.Sprintf("**Fix.** %s\n\n", p.Fix)
	}
	got := between(t, "doctor.md", "<!-- begin problems -->", "<!-- end problems -->", page)
	if diff := gocmp.Diff(page, got); diff != "" {
		t.Errorf("docs/doctor.md is not what the code says; run `go test ./docs -update` (-code +page):\n%s", diff)
	}
}

// Readiness, the runbook and doctor use one word for one fault: what readiness says is a finding, and so is what pages
// have in brackets.
func TestFaultsAreFindings(t *testing.T) {
	known := map[string]bool{}
	for _, p := range doctor.Problems() {
		known[p.ID] = true
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	faults := 0
	ast.Inspect(file, func(n ast.Node) bool {
		declared, ok := n.(*ast.GenDecl)
		if !ok || declared.Tok != token.CONST {
			return true
		}
		for _, spec := range declared.Specs {
			value := spec.(*ast.ValueSpec)
			if id, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value); value.Names[0].IsExported() && !known[id] {
				t.Errorf("fault.%s = %q is no finding of doctor: %v", value.Names[0], id, err)
			}
			faults++
		}
		return false
	})
	if faults == 0 {
		t.Error("no fault was found in internal/fault")
	}
	for _, page := range []string{"runbook.md", "troubleshooting.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		tags := regexp.MustCompile("`\\[([a-z0-9-]+)\\]`").FindAllSubmatch(text, -1)
		if len(tags) == 0 {
			t.Errorf("%s names no finding", page)
		}
		for _, tag := range tags {
			if !known[string(tag[1])] {
				t.Errorf("%s names %s, which is no finding of doctor", page, tag[1])
			}
		}
	}
}
