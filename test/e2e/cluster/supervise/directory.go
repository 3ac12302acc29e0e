// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/belongings"
)

// directory is a claim on a temporary directory that several supervisors share. Each holds a shared lock on the
// directory itself while its component may still use it; the one who gets an exclusive lock is the last. The kernel
// drops the lock of a supervisor that was killed.
type directory struct {
	path string
	lock *os.File
}

// claim takes a shared lock on the directory. The empty path claims nothing.
func claim(path string) (directory, error) {
	if path == "" {
		return directory{}, nil
	}
	resolved, err := removable(path)
	if err != nil {
		return directory{}, err
	}
	lock, err := os.Open(resolved)
	if err != nil {
		return directory{}, fmt.Errorf("locking %s: %w", path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil {
		return directory{}, fmt.Errorf("locking %s: %w", path, err)
	}
	return directory{path: resolved, lock: lock}, nil
}

// removable returns the path free of symbolic links, or an error unless it is a directory named hookstrap-* right in
// the temporary directory. A wrong argument must never cost somebody a home directory.
func removable(path string) (string, error) {
	temp, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil {
		return "", fmt.Errorf("resolving the temporary directory: %w", err)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("resolving --remove: %w", err)
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return "", fmt.Errorf("looking at --remove: %w", err)
	}
	named := strings.HasPrefix(filepath.Base(resolved), "hookstrap-")
	if !info.IsDir() || !named || filepath.Dir(resolved) != temp {
		return "", fmt.Errorf("refusing --remove %s: it is not a directory named hookstrap-* in %s", path, temp)
	}
	return resolved, nil
}

// remove waits until no other process holds a claim, and removes the directory and the control groups and network
// devices of its name. It is for when the parent is gone: the other supervisors are about to end then. So is the
// parent itself, of which some threads may still be on their way, and with them its claim.
func (d directory) remove() {
	if d.lock == nil {
		return
	}
	defer func() { _ = d.lock.Close() }()
	// Several may wait: to ask for the exclusive lock is to give up the shared one. Who comes second finds nothing.
	if err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX); err != nil {
		return
	}
	// An error cannot be reported. The next process finds what has stayed by the directory.
	if belongings.Remove(filepath.Base(d.path)) == nil {
		_ = os.RemoveAll(d.path)
	}
}
