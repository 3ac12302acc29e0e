// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// The table of gitops.md, which `make test-gitops` writes, has each tool in the version that is pinned with each of its
// ways to apply and each install, and no failure.
func TestGitOpsTableIsCurrent(t *testing.T) {
	table := tableOf(t, "gitops.md", "<!-- begin gitops -->", "<!-- end gitops -->")
	for _, tool := range []struct {
		goMod, module, name string
		options             []string
	}{
		{"../test/e2e/cluster/components/go.mod", "k8s.io/kubernetes", "kubectl",
			[]string{"", ", `--server-side`", ", `--server-side --force-conflicts`"}},
		{"../test/gitops/go.mod", "helm.sh/helm/v4", "Helm", []string{"", ", `--server-side=false`"}},
		{"../test/gitops/go.mod", "github.com/fluxcd/pkg/ssa", "Flux, ssa", []string{""}},
	} {
		pinned := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(tool.module) + ` (v\S+)`).FindStringSubmatch(read(t, tool.goMod))
		if len(pinned) == 0 {
			t.Fatalf("%s does not pin %s", tool.goMod, tool.module)
		}
		for _, options := range tool.options {
			for _, install := range []string{"our manifests", "a foreign configuration"} {
				row := "\n| " + tool.name + " " + pinned[1] + options + " | " + install + strings.Repeat(" | ok", 6) + " | 0 |\n"
				if !strings.Contains(table, row) {
					t.Errorf("docs/gitops.md lacks the row %q: run `make test-gitops`", strings.TrimSpace(row))
				}
			}
		}
	}
	if rows := strings.Count(strings.TrimSpace(table), "\n") + 1; rows != 2+12 {
		t.Errorf("docs/gitops.md has %d lines in its table, want 14", rows)
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
