// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A tag of an action can be moved, by an attacker as well: actions are named by the hash of a commit, with its tag for
// readers. The Go version is that of the Dockerfile, or what is released would not be what its image has.
func TestWorkflows(t *testing.T) {
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	goVersion := regexp.MustCompile(`golang:([\d.]+) AS`).FindStringSubmatch(string(dockerfile))
	files, err := filepath.Glob("../../.github/workflows/*.yaml")
	if err != nil || len(files) < 2 || goVersion == nil {
		t.Fatalf("workflows %v, Go version %v: %v", files, goVersion, err)
	}
	pinned := regexp.MustCompile(`uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, file := range files {
		text, err := os.ReadFile(file) // #nosec G304
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if strings.Contains(line, "uses:") && !pinned.MatchString(line) {
				t.Errorf("%s: %s: write uses: OWNER/NAME@COMMIT # vX.Y.Z", file, line)
			}
			if version, ok := strings.CutPrefix(line, "go-version: "); ok && !strings.HasPrefix(version, goVersion[1]+" ") {
				t.Errorf("%s: %s, and the Dockerfile has %s", file, line, goVersion[1])
			}
		}
		if !strings.Contains(string(text), "\npermissions:\n  contents: read\n") {
			t.Errorf("%s: the token may do more than read: write permissions at the top", file)
		}
	}
}
