// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"cmp"
	"fmt"
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
