// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
)

// files are the paths below the root of the repository, from here, whose names end in one of these. What is built, what
// tests feed to the code, and the modules of others are left out.
func files(t *testing.T, extensions ...string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "testdata", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case !d.IsDir() && slices.Contains(extensions, filepath.Ext(path)):
			paths = append(paths, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// pages are the documents in Markdown.
func pages(t *testing.T) []string {
	t.Helper()
	all := files(t, ".md")
	if len(all) < 10 {
		t.Fatalf("only the pages %v were found", all)
	}
	return all
}
