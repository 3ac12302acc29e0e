// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestRemovable(t *testing.T) {
	good := tempDir(t)
	below := filepath.Join(good, "hookstrap-below")
	if err := os.Mkdir(below, 0o700); err != nil {
		t.Fatal(err)
	}
	file := good + "-file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := good + "-link"
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = os.Remove(file), os.Remove(link) })

	tests := map[string]struct {
		path string
		want bool
	}{
		"a cluster's directory":    {path: good, want: true},
		"unclean path":             {path: good + "/../" + filepath.Base(good) + "/", want: true},
		"the temporary directory":  {path: os.TempDir()},
		"root":                     {path: "/"},
		"another name":             {path: t.TempDir()},
		"deeper":                   {path: below},
		"a file":                   {path: file},
		"a link to somewhere else": {path: link},
		"not there":                {path: good + "-nothing"},
		"escaping":                 {path: good + "/../.."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := removable(tt.path); (err == nil) != tt.want {
				t.Errorf("removable(%s): %v, want allowed = %t", tt.path, err, tt.want)
			}
		})
	}
}

func TestRemovesOnceNobodyElseHoldsAClaim(t *testing.T) {
	dir := tempDir(t)
	first, second, parent := mustClaim(t, dir), mustClaim(t, dir), mustClaim(t, dir)
	var removing sync.WaitGroup
	removing.Go(first.remove)
	removing.Go(second.remove)
	if !exists(dir) {
		t.Fatal("removed while the parent still used it")
	}
	if err := parent.lock.Close(); err != nil {
		t.Fatal(err)
	}
	removing.Wait()
	if exists(dir) {
		t.Error("the last supervisor left the directory behind")
	}
}

func TestNoClaimRemovesNothing(t *testing.T) {
	mustClaim(t, "").remove()
}

func mustClaim(t *testing.T, path string) directory {
	t.Helper()
	d, err := claim(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
