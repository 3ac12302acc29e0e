// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMetricsTable(t *testing.T) {
	table := "\n| metric | type | labels | meaning |\n|---|---|---|---|\n"
	for _, m := range registered(t) {
		table += m.row()
	}
	got := between(t, "metrics.md", "<!-- begin metrics -->", "<!-- end metrics -->", table)
	if diff := cmp.Diff(table, got); diff != "" {
		t.Errorf("docs/metrics.md is not what the server registers; run `go test ./docs -update` (-server +page):\n%s", diff)
	}
}

// A help text is read by people: a sentence, which says what a value means.
func TestHelpTextsAreSentences(t *testing.T) {
	all := registered(t)
	if len(all) < 10 {
		t.Fatalf("only %d metrics were found", len(all))
	}
	for _, m := range all {
		if words := strings.Fields(m.help); len(words) < 4 || !strings.HasSuffix(m.help, ".") {
			t.Errorf("%s: %q is no sentence", m.name, m.help)
		}
	}
}

// Every label is explained, and nothing is that does not exist.
func TestLabelsTable(t *testing.T) {
	want := map[string]bool{}
	for _, m := range registered(t) {
		for _, label := range m.labels {
			want[label] = true
		}
	}
	_, section, _ := strings.Cut(read(t, "metrics.md"), "## Labels")
	section, _, _ = strings.Cut(section, "| task | is |")
	var explained []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(section, -1) {
		explained = append(explained, row[1])
		if !want[row[1]] {
			t.Errorf("docs/metrics.md explains the label %s, which no metric has", row[1])
		}
	}
	for label := range want {
		if !slices.Contains(explained, label) {
			t.Errorf("docs/metrics.md does not explain the label %s", label)
		}
	}
}

// The values that a query compares with are on the page, all of them.
func TestReasonsAreListed(t *testing.T) {
	page := read(t, "metrics.md")
	for _, value := range constants(t, "../internal/report/reasons.go") {
		if !strings.Contains(page, "`"+value+"`") {
			t.Errorf("docs/metrics.md does not mention the value %s of internal/report/reasons.go", value)
		}
	}
	for _, value := range constants(t, "../internal/csr/outcome.go") {
		if !strings.Contains(page, "`"+value+"`") {
			t.Errorf("docs/metrics.md does not mention the outcome %s", value)
		}
	}
}

// constants are the string constants of a file.
func constants(t *testing.T, path string) []string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^\t[a-zA-Z]+ +(?:Outcome )?= "([A-Za-z]+)"`)
	var values []string
	for _, match := range declared.FindAllStringSubmatch(read(t, path), -1) {
		values = append(values, match[1])
	}
	if len(values) < 6 {
		t.Fatalf("only %d constants in %s: this test proves nothing", len(values), path)
	}
	return values
}
