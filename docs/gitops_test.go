// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// The table of gitops.md, which `make test-gitops` writes, is of the versions that are pinned, and has no failure.
func TestGitOpsTableIsCurrent(t *testing.T) {
	table := tableOf(t, "gitops.md", "<!-- begin gitops -->", "<!-- end gitops -->")
	for _, pinned := range []struct{ goMod, module, name string }{
		{"../test/e2e/cluster/components/go.mod", "k8s.io/kubernetes", "kubectl"},
		{"../test/gitops/go.mod", "helm.sh/helm/v4", "Helm"},
		{"../test/gitops/go.mod", "github.com/fluxcd/pkg/ssa", "Flux, ssa"},
	} {
		found := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(pinned.module) + ` (v\S+)`).FindStringSubmatch(read(t, pinned.goMod))
		if len(found) == 0 || !strings.Contains(table, "| "+pinned.name+" "+found[1]) {
			t.Errorf("docs/gitops.md is not about the pinned %s (%v): run `make test-gitops`", pinned.module, found)
		}
	}
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if len(rows) < 3 {
		t.Fatal("docs/gitops.md has no table")
	}
	for _, row := range rows[2:] {
		if strings.Count(row, "| ok ") != 6 || !strings.HasSuffix(row, "| 0 |") {
			t.Errorf("docs/gitops.md has a failure: %s", row)
		}
	}
}

func tableOf(t *testing.T, path, begin, end string) string {
	t.Helper()
	_, rest, foundBegin := strings.Cut(read(t, path), begin)
	table, _, foundEnd := strings.Cut(rest, end)
	if !foundBegin || !foundEnd {
		t.Fatalf("%s lacks the markers %q and %q", path, begin, end)
	}
	return table
}
