// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSweepTakesWhatNobodyHolds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dirs := map[string]*Dir{}
	for _, pattern := range []string{"sweep-left-", "sweep-held-", "sweep-new-", "other-left-"} {
		dir, err := MakeDir(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if pattern != "sweep-new-" {
			writeFile(t, filepath.Join(dir.Path, "file"))
		}
		if pattern != "sweep-held-" {
			_ = dir.lock.Close() // which is what the kernel does for a process that has ended
		}
		dirs[pattern] = dir
	}
	if err := Sweep("sweep-"); err != nil {
		t.Fatal(err)
	}
	for pattern, dir := range dirs {
		_, err := os.Stat(dir.Path)
		if gone := os.IsNotExist(err); gone != (pattern == "sweep-left-") {
			t.Errorf("%s is gone: %t", pattern, gone)
		}
	}
	if err := dirs["sweep-held-"].Remove(); err != nil {
		t.Error(err)
	}
}

func TestKeepLogs(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, err := MakeDir("keep-")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir.Path, "data"))
	writeFile(t, filepath.Join(dir.Path, "etcd"+LogExtension))
	dir.KeepLogs()
	entries, err := os.ReadDir(dir.Path)
	if err != nil || len(entries) != 1 || entries[0].Name() != "etcd.log" {
		t.Errorf("left: %v, %v, want etcd.log alone", entries, err)
	}
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
}
