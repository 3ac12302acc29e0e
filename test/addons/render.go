// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// workplace is where charts are put and rendered.
type workplace struct {
	dir  string // the cache: what is in it is not fetched again
	git  string // what the repositories' names are behind, as in https://github.com
	helm string
}

// run runs a program, and returns what it printed. The error has what it complained of.
func run(ctx context.Context, program string, args ...string) ([]byte, error) {
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // git and Helm, with what is pinned here
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("running %s %s: %w: %s", filepath.Base(program), args[0], err,
			bytes.TrimSpace(complaints.Bytes()))
	}
	return out.Bytes(), nil
}

// obtain puts the files of a repository at the commit of a chart into the cache, and returns the chart's directory.
func (w workplace) obtain(ctx context.Context, c chart) (string, error) {
	dir := filepath.Join(w.dir, strings.ReplaceAll(c.repository, "/", "+")+"@"+c.commit)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := w.clone(ctx, c, dir); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, c.path), nil
}

// clone checks out the tag, which must be the commit that is pinned.
func (w workplace) clone(ctx context.Context, c chart, dir string) error {
	unfinished := dir + ".tmp"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if _, err := run(ctx, "git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--depth=1", "--branch="+c.tag,
		w.git+"/"+c.repository+".git", unfinished); err != nil {
		return err
	}
	head, err := run(ctx, "git", "-C", unfinished, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if found := strings.TrimSpace(string(head)); found != c.commit {
		return fmt.Errorf("the tag %s of %s is commit %s now, and was %s when it was pinned: look at what changed, and "+
			"pin it", c.tag, c.repository, found, c.commit)
	}
	if err := os.RemoveAll(filepath.Join(unfinished, ".git")); err != nil { // A chart can be the whole repository.
		return err
	}
	return os.Rename(unfinished, dir)
}

// render renders an add-on as Helm would install it, without tests, into a file.
func (w workplace) render(ctx context.Context, a addon) (string, error) {
	source, err := w.obtain(ctx, a.chart)
	if err != nil {
		return "", err
	}
	// A copy of the chart, since its dependencies are put into it.
	dir := filepath.Join(w.dir, "rendered", a.name)
	if err := copyOf(source, dir); err != nil {
		return "", err
	}
	for _, d := range a.dependencies {
		source, err := w.obtain(ctx, d)
		if err != nil {
			return "", err
		}
		if err := copyOf(source, filepath.Join(dir, "charts", d.name)); err != nil {
			return "", err
		}
	}
	if err := w.complete(ctx, dir); err != nil {
		return "", err
	}
	args := []string{"template", a.name, dir, "--namespace", a.namespace, "--skip-tests"}
	for _, value := range a.values {
		args = append(args, "--set", value)
	}
	manifest, err := run(ctx, w.helm, args...)
	if err != nil {
		return "", err
	}
	file := dir + ".yaml"
	return file, os.WriteFile(file, manifest, 0o600)
}

// complete looks whether a chart has its dependencies, in versions that it takes: Helm would install one of another
// version even if a condition turns it off.
func (w workplace) complete(ctx context.Context, dir string) error {
	list, err := run(ctx, w.helm, "dependency", "list", dir)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(list)) {
		if line = strings.TrimSpace(line); strings.HasSuffix(line, "missing") || strings.HasSuffix(line, "wrong version") {
			return fmt.Errorf("pin a dependency in addons.txt: %s", strings.Join(strings.Fields(line), " "))
		}
	}
	return nil
}

// copyOf makes a directory the copy of another one.
func copyOf(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
