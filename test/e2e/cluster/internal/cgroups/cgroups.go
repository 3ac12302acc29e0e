// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cgroups looks after the control groups of a node. All of them are below one of the node's own name, in the
// one hierarchy of version 2 or in each of those of version 1.
package cgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
)

const (
	root = "/sys/fs/cgroup"
	// patience is for the kernel, in which a group is busy for a moment after its last process has ended.
	patience = 10 * time.Second
)

// Remove kills what is in the control groups of that name and removes them. None is no error.
func Remove(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return poll.Until(ctx, func(context.Context) error { return remove(name) })
}

func remove(name string) error {
	var errs []error
	for _, top := range tops(name) {
		groups := below(top)
		slices.Reverse(groups) // the inner ones first
		for _, group := range groups {
			for _, pid := range pids(group) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // It may have ended.
			}
			if err := os.Remove(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("removing a control group: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// Exist reports whether there are control groups of that name.
func Exist(name string) bool { return len(tops(name)) > 0 }

// PIDs are the ids, as this process sees them, of the processes in that control group below the one of that name.
func PIDs(name, group string) []int {
	var found []int
	for _, top := range tops(name) {
		for _, dir := range below(top) {
			if filepath.Base(dir) == group {
				found = append(found, pids(dir)...)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// tops are the groups of that name. Only a harness's name will do: a mistake must not end what else runs here.
func tops(name string) []string {
	if !strings.HasPrefix(name, "hookstrap-") || strings.ContainsAny(name, `/\*?[`) {
		return nil
	}
	var found []string
	for _, pattern := range []string{filepath.Join(root, name), filepath.Join(root, "*", name)} {
		matches, _ := filepath.Glob(pattern) // Its only error is that of a bad pattern.
		found = append(found, matches...)
	}
	return found
}

// below are a group and all in it, the outer ones first.
func below(top string) []string {
	var groups []string
	_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			groups = append(groups, path)
		}
		return nil // Groups go while we look.
	})
	return groups
}

func pids(group string) []int {
	content, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var found []int
	for field := range strings.FieldsSeq(string(content)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			found = append(found, pid)
		}
	}
	return found
}
