// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/belongings"
)

// Dir is a temporary directory with a lock on it, shared with the supervisors of what runs there. The kernel drops the
// lock of a process that has ended in any way, so that a directory without one was left behind.
type Dir struct {
	Path string
	lock *os.File
}

// MakeDir makes a directory whose name begins with pattern right in the temporary directory.
func MakeDir(pattern string) (*Dir, error) {
	path, err := os.MkdirTemp("", pattern)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(path, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	return &Dir{Path: path, lock: lock}, nil
}

func lockDir(path string, how int) (*os.File, error) {
	lock, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), how); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return lock, nil
}

// Remove removes the control groups and network devices of the directory's name, and then the directory, by which alone
// the others would be found again. Further calls do nothing.
func (d *Dir) Remove() error {
	defer func() { _ = d.lock.Close() }() // It was only locked.
	if err := belongings.Remove(filepath.Base(d.Path)); err != nil {
		return err
	}
	return os.RemoveAll(d.Path)
}

// KeepLogs removes what a failed start leaves, except what explains it. The next Sweep removes that too.
func (d *Dir) KeepLogs() {
	_ = belongings.Remove(filepath.Base(d.Path)) // Why it failed matters more than what stays.
	defer func() { _ = d.lock.Close() }()
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		return
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != LogExtension {
			_ = os.RemoveAll(filepath.Join(d.Path, e.Name()))
		}
	}
}

// Sweep removes what processes have left behind that were killed together with all their supervisors: the directories
// whose names begin with prefix and on which no process has a lock, and the control groups and network devices of those
// names. A directory that is still empty may be one whose maker is about to lock it.
func Sweep(prefix string) error {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range paths {
		entries, err := os.ReadDir(path)
		if err != nil || len(entries) == 0 {
			continue
		}
		lock, err := lockDir(path, syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			continue // It is in use, or has just gone.
		}
		errs = append(errs, (&Dir{Path: path, lock: lock}).Remove())
	}
	return errors.Join(errs...)
}
