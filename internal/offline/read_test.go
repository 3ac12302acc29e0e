// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An item that is no object must not hide another that is broken, and is no document to skip itself.
func TestBrokenItemsAreDenied(t *testing.T) {
	list := "apiVersion: v1\nkind: List\nitems:\n- a: 1\n"
	for name, content := range map[string]string{"beside another": list + "- kind: Pod\n", "alone": list} {
		report := judge(t, "{}", map[string]string{"a.yaml": content})
		if report.DeniedObjects != 1 || report.Skipped != 0 {
			t.Errorf("%s: got %+v", name, report)
		}
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir := tree(t, map[string]string{"elsewhere/b.yaml": teamless, "elsewhere/sub/c.yaml": owned, "here/a.yaml": owned})
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("../elsewhere/b.yaml", "here/b.yaml")
	link("../elsewhere", "here/loop.yaml")
	link("here", "root")
	for _, root := range []string{"here", "root"} {
		m, err := read([]string{filepath.Join(dir, root)}, strings.NewReader(""))
		if err != nil {
			t.Fatalf("%s: %v", root, err)
		}
		want := []string{filepath.Join(dir, root, "a.yaml"), filepath.Join(dir, root, "b.yaml")}
		if diff := cmp.Diff(want, m.names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", root, diff)
		}
	}
	m, err := read([]string{filepath.Join(dir, "here/b.yaml")}, strings.NewReader(""))
	if err != nil || len(m.objects) != 1 {
		t.Errorf("a link that is named: got %+v, %v", m, err)
	}
	link("nowhere", "here/c.yaml")
	m, err = read([]string{filepath.Join(dir, "here")}, strings.NewReader(""))
	if err != nil || len(m.objects) != 2 || len(m.problems) != 1 || m.problems[0].file != filepath.Join(dir, "here/c.yaml") {
		t.Errorf("a link to nothing: got %+v, %v", m, err)
	}
	if _, err := read([]string{filepath.Join(dir, "here/c.yaml")}, strings.NewReader("")); err == nil {
		t.Error("a link to nothing that is named is passed over")
	}
}

// Manifests must not write what a CI system takes for a command, nor control a terminal.
func TestTextStaysOnItsLine(t *testing.T) {
	for _, manifest := range []string{
		"apiVersion: acme.io/v1\nkind: \"Widget\\n::error::pwned\"\nmetadata: {name: x}\n",
		"apiVersion: \"a/b/c\\n::error::pwned\"\nkind: Pod\n",
		"apiVersion: \"a/b/c\\e[2J\"\nkind: Pod\n",
		"apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- kind: Pod\n",
	} {
		got := text(t, judge(t, "{}", map[string]string{"a\nb.yaml": manifest}))
		if lines := strings.Split(got, "\n"); len(lines) != 3 || strings.ContainsAny(got, "\r\x1b") {
			t.Errorf("got %q", got)
		}
	}
}
