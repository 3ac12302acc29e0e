// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package request_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/request"
)

func TestKubeconfigIsWrittenToARegularFileAlone(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(at("old"), []byte("old"), 0o600), os.Mkdir(at("directory"), 0o700),
		os.Symlink("old", at("link")), os.Symlink("nowhere", at("dangling")),
		os.Symlink(os.DevNull, at("device"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		at("new"):         "",
		at("old"):         "",
		at("directory"):   "no regular file",
		at("link"):        "no regular file",
		at("dangling"):    "no regular file",
		at("device"):      "no regular file",
		os.DevNull:        "no regular file",
		at("missing/new"): "no such file",
		at("old/new"):     "not a directory",
	} {
		err := request.ProveKubeconfig(path)
		if (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if err == nil {
			continue
		}
		if text := err.Error(); !strings.Contains(text, want) || strings.Count(text, dir) > strings.Count(path, dir) {
			t.Errorf("%q names more than %s, or does not say %q", text, path, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 5 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if content, err := os.ReadFile(at("old")); err != nil || string(content) != "old" {
		t.Errorf("the old file holds %q, %v", content, err)
	}
}
