// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// variant is the project of examples/kubebuilder with another way to a certificate: files that replace or add to its own.
type variant struct {
	name, directory string
}

func variants() []variant {
	return []variant{
		{"Hookstrap", ""},
		{"cert-manager, as scaffolded", "../test/peers/certmanager"},
		{"cert-controller", "../test/peers/certcontroller"},
	}
}

// replaced are the parts of examples/kubebuilder that differ with the way to a certificate. A variant has its own.
func replaced(file string) bool {
	return strings.HasPrefix(file, "cmd/") || strings.HasPrefix(file, "config/default/") ||
		file == "config/rbac/hookstrap.yaml" || file == "config/rbac/kustomization.yaml"
}

// lineCount is how many lines of each sort a project has, without comments and empty lines.
type lineCount struct{ code, manifests, rights int }

func (c lineCount) all() int { return c.code + c.manifests + c.rights }

func (c *lineCount) add(t *testing.T, file, name string) {
	t.Helper()
	switch path.Ext(name) {
	case ".go":
		if !strings.HasSuffix(name, "_test.go") {
			c.code += linesOf(t, file, "//")
		}
	case ".yaml":
		lines := linesOf(t, file, "#")
		if strings.HasPrefix(name, "config/rbac/") {
			c.rights += lines
		} else {
			c.manifests += lines
		}
	}
}

// linesOf counts the lines of a file that are neither empty nor a comment.
func linesOf(t *testing.T, file, comment string) (count int) {
	t.Helper()
	for line := range strings.Lines(read(t, file)) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && !strings.HasPrefix(line, comment) {
			count++
		}
	}
	return count
}

func (v variant) count(t *testing.T) (c lineCount) {
	t.Helper()
	const base = "../examples/kubebuilder"
	walk := func(root string, take func(name string) bool) {
		found := 0
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			name := strings.TrimPrefix(filepath.ToSlash(file), root+"/")
			if err == nil && !d.IsDir() && take(name) {
				found++
				c.add(t, file, name)
			}
			return err
		})
		if err != nil || found < 3 {
			t.Fatalf("%s has %d files: %v", root, found, err)
		}
	}
	walk(base, func(name string) bool { return v.directory == "" || !replaced(name) })
	if v.directory != "" {
		walk(v.directory, func(name string) bool {
			if _, err := os.Stat(path.Join(base, name)); err == nil && !replaced(name) {
				t.Errorf("%s/%s is a part that all variants have in common", v.directory, name)
			}
			return true
		})
	}
	return c
}

// TestLines holds the table of docs/peers.md to the files that it counts; ours has to be the least.
func TestLines(t *testing.T) {
	table := "\n| the certificate is from | Go | YAML | RBAC | together |\n|---|---|---|---|---|\n"
	var ours int
	for i, v := range variants() {
		c := v.count(t)
		table += fmt.Sprintf("| %s | %d | %d | %d | %d |\n", v.name, c.code, c.manifests, c.rights, c.all())
		if i == 0 {
			ours = c.all()
		} else if c.all() <= ours {
			t.Errorf("%s takes %d lines, and ours %d", v.name, c.all(), ours)
		}
	}
	got := between(t, "peers.md", "<!-- begin lines -->", "<!-- end lines -->", table)
	if diff := gocmp.Diff(table, got); diff != "" {
		t.Errorf("docs/peers.md has other numbers than the files; run `go test ./docs -update` (-files +page):\n%s", diff)
	}
}
