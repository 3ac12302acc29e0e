// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

const testVersion = "v0.0.1-test"

// testRelease is what two runs have written, from copies of the repository in directories of different length, in
// environments that differ in what could go into a binary.
type testRelease struct {
	roots, dists [2]string
	date         time.Time
	platforms    []platform
}

// TestRelease makes one release twice; all else is about the first of them. A platform of each operating system and of
// each processor is enough: what is specific to one is the compiler's. RELEASE_PLATFORMS=linux/amd64 is enough to try
// something.
func TestRelease(t *testing.T) {
	platforms, err := parsePlatforms(cmp.Or(os.Getenv("RELEASE_PLATFORMS"), "linux/amd64,linux/arm64,darwin/arm64"))
	if err != nil {
		t.Fatal(err)
	}
	r := testRelease{date: time.Unix(1700000000, 0).UTC(), platforms: platforms}
	for i, environment := range []map[string]string{
		{"TZ": "UTC"},
		{"TZ": "Asia/Shanghai", "GOAMD64": "v3", "GOFLAGS": "-tags=other", "GOEXPERIMENT": "jsonv2"},
	} {
		r.roots[i] = filepath.Join(t.TempDir(), strings.Repeat("deeper/", 3*i))
		copyRepository(t, r.roots[i])
		r.dists[i] = filepath.Join(r.roots[i], "dist")
		r.run(t, i, environment)
	}
	t.Run("same bytes", r.testSameBytes)
	t.Run("checksums", r.testChecksums)
	t.Run("archives", r.testArchives)
	t.Run("man pages", r.testManPages)
	t.Run("image", r.testImage)
	t.Run("push", r.testPush)
	t.Run("manifests", r.testManifests)
	t.Run("chart", r.testChart)
	t.Run("SBOM", r.testSBOM)
}

// run makes one release as the command does.
func (r *testRelease) run(t *testing.T, i int, environment map[string]string) {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", fmt.Sprint(r.date.Unix()))
	for name, value := range environment {
		t.Setenv(name, value)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	var platforms []string
	for _, p := range r.platforms {
		platforms = append(platforms, p.String())
	}
	err := run(ctx, []string{
		"-root", r.roots[i], "-version", testVersion, "-platforms", strings.Join(platforms, ","),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range environment { // Not for what comes next.
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

// copyRepository copies what git has, or would add.
func copyRepository(t *testing.T, to string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(gitFiles(t, root), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if name == "" || os.IsNotExist(err) || !info.Mode().IsRegular() {
			continue // A file that is being removed, or a link.
		}
		data, err := os.ReadFile(filepath.Join(root, name)) // #nosec G304
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

func gitFiles(t *testing.T, root string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing the files of the repository: %v", err)
	}
	return string(out)
}

// files is what one run has written.
func (r *testRelease) files(t *testing.T, i int) map[string][]byte {
	t.Helper()
	entries, err := filesBelow(r.dists[i])
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		files[e.name] = e.data
	}
	return files
}

func (r *testRelease) read(t *testing.T, name string) []byte {
	t.Helper()
	data, ok := r.files(t, 0)[name]
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return data
}

func (r *testRelease) testSameBytes(t *testing.T) {
	first, second := r.files(t, 0), r.files(t, 1)
	for name, data := range first {
		if !bytes.Equal(data, second[name]) {
			t.Errorf("%s is another file the second time", name)
		}
	}
	if len(first) != len(second) {
		t.Errorf("there are %d files the first time, and %d the second", len(first), len(second))
	}
	for name, data := range first {
		for _, root := range r.roots {
			if bytes.Contains(data, []byte(root)) {
				t.Errorf("%s has the path of the repository", name)
			}
		}
	}
}

func (r *testRelease) testChecksums(t *testing.T) {
	want := map[string]string{}
	for name, data := range r.files(t, 0) {
		if name != "checksums.txt" {
			want[name] = fmt.Sprintf("%x", sha256.Sum256(data))
		}
	}
	got := map[string]string{}
	for line := range strings.Lines(string(r.read(t, "checksums.txt"))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		got[name] = sum
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the checksums are wrong (-want +got):\n%s", diff)
	}
}

// The time of a release is that of the commit, and not of its author's first version of it, unless the environment says
// another one.
func TestSourceDate(t *testing.T) {
	root := t.TempDir()
	for _, args := range [][]string{
		{"init", "-q"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "a"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE=1000000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0100")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	for set, want := range map[string]int64{"": 1_700_000_000, "86400": 86_400} {
		t.Setenv("SOURCE_DATE_EPOCH", set)
		got, err := sourceDate(t.Context(), root)
		if err != nil || !got.Equal(time.Unix(want, 0)) {
			t.Errorf("SOURCE_DATE_EPOCH=%s: got %v, %v, want %d", set, got, err, want)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := sourceDate(t.Context(), root); err == nil {
		t.Error("a time that is none was taken")
	}
}
