// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"path/filepath"
	"strings"
	"testing"
)

func exclusion(t *testing.T, pattern string) Exclusion {
	t.Helper()
	e, err := ParseExclusion(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExclusion(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		has     []string
		not     []string
	}{
		{"testdata", []string{"testdata", "a/testdata", "./testdata"}, []string{"testdata/a.yaml", "testdata2", "a/b"}},
		{"testdata/", []string{"a/testdata"}, nil},
		{"*.tmpl.yaml", []string{"x.tmpl.yaml", "a/b/x.tmpl.yaml"}, []string{"x.yaml"}},
		{"deploy/*/tests", []string{"deploy/web/tests"}, []string{"deploy/tests", "deploy/a/b/tests", "x/deploy/web/tests"}},
		{"./deploy/a.yaml", []string{"deploy/a.yaml", "./deploy/a.yaml"}, []string{"a.yaml"}},
		{"**/deploy/a.yaml", []string{"deploy/a.yaml", "x/y/deploy/a.yaml", "/x/deploy/a.yaml"}, []string{"deploy/b.yaml"}},
		{"deploy/**", []string{"deploy/a", "deploy/a/b", "deploy"}, []string{"x/deploy/a"}},
		{"deploy/**/b", []string{"deploy/b", "deploy/a/c/b"}, []string{"deploy/b/c"}},
		{"/abs/*", []string{"/abs/a"}, []string{"abs/a"}},
		{"[ab].yaml", []string{"a.yaml"}, []string{"c.yaml"}},
	} {
		e := exclusion(t, tt.pattern)
		for _, path := range tt.has {
			if !e.has(path) {
				t.Errorf("%s is not of %s", tt.pattern, path)
			}
		}
		for _, path := range tt.not {
			if e.has(path) {
				t.Errorf("%s is of %s", tt.pattern, path)
			}
		}
	}
	for _, pattern := range []string{"", ".", "[a", "a/[b", `a\`} {
		if e, err := ParseExclusion(pattern); err == nil {
			t.Errorf("%q is %+v", pattern, e)
		}
	}
}

func TestWhatIsExcluded(t *testing.T) {
	files := map[string]string{
		"a.yaml": owned, "sub/b.yaml": teamless, "sub/notes.txt": "", "web/Chart.yaml": "apiVersion: v2\nname: web\n",
		"web/templates/a.yaml": template, "k/kustomization.yaml": "patches: [{path: p.yaml}]\n", "k/p.yaml": teamless,
	}
	for name, tt := range map[string]struct {
		patterns []string
		want     string
	}{
		"directories": {[]string{"sub", "web", "k"}, "1 object in 1 file: 0 denied, 0 warnings; 3 files or directories excluded\n"},
		"files":       {[]string{"b.yaml", "notes.txt", "web", "k"}, "1 object in 1 file: 0 denied, 0 warnings; 3 files or directories excluded\n"},
		// What the excluded files are about is no manifest all the same.
		"sources": {[]string{"sub", "Chart.yaml", "kustomization.yaml"}, "1 object in 1 file: 0 denied, 0 warnings; 3 files or directories excluded\n"},
		"none":    {[]string{"x", "web", "k"}, "2 objects in 2 files: 1 denied, 0 warnings; 2 files or directories excluded\n"},
	} {
		t.Run(name, func(t *testing.T) {
			report := judge(t, "{}", files, func(o *Options) {
				for _, p := range tt.patterns {
					o.Exclude = append(o.Exclude, exclusion(t, p))
				}
			})
			if got := text(t, report); !strings.HasSuffix(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// A path that is named is excluded by itself, and by a directory above it, unless it says where that is on the machine.
func TestNamedPathsAreExcluded(t *testing.T) {
	dir := tree(t, map[string]string{"testdata/a.yaml": owned, "testdata/sub/b.yaml": owned, "c.yaml": owned})
	t.Chdir(dir)
	for _, tt := range []struct {
		path     string
		excluded bool
	}{
		{"testdata/a.yaml", true}, {"./testdata/sub", true}, {"testdata", true}, {filepath.Join(dir, "testdata"), true},
		{filepath.Join(dir, "testdata/sub"), false},
	} {
		report := judge(t, "{}", nil, func(o *Options) {
			o.Paths, o.Exclude = []string{"c.yaml", tt.path}, []Exclusion{exclusion(t, "testdata")}
		})
		if got := report.Excluded == 1 && report.Objects == 1; got != tt.excluded {
			t.Errorf("%s: got %+v", tt.path, report)
		}
	}
}
