// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
)

func TestMutationsPage(t *testing.T) {
	comments := fieldComments(t, "../pkg/handler/mutation")
	page := "\n| mutation | |\n|---|---|\n"
	for _, d := range mutation.Definitions() {
		page += fmt.Sprintf("| [`%s`](#%s) | %s |\n", d.Name, strings.ToLower(d.Name), cell(d.Doc.Summary))
	}
	for _, d := range mutation.Definitions() {
		page += section(t, d, comments)
	}
	got := between(t, "mutations.md", "<!-- begin mutations -->", "<!-- end mutations -->", page+"\n")
	if diff := gocmp.Diff(page+"\n", got); diff != "" {
		t.Errorf("docs/mutations.md is not what the code says; run `go test ./docs -update` (-code +page):\n%s", diff)
	}
}
