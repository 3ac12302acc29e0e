// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervise prepares a supervise process with the given arguments.
func supervise(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), envRole+"=supervise")
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

// playParent is the process that starts supervisors and then waits to be killed. It is given one pid file for each.
func playParent() int {
	for pidFile := range strings.SplitSeq(os.Getenv(envRole), string(os.PathListSeparator)) {
		cmd := exec.Command(os.Args[0], "--parent", strconv.Itoa(os.Getpid()),
			"--remove", filepath.Dir(pidFile), "--pid-file", pidFile, "--", "sleep", "600")
		cmd.Env = append(os.Environ(), envRole+"=supervise")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	select {}
}

// startParent starts a process that plays the parent of one supervisor for each pid file.
func startParent(t *testing.T, pidFiles ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+strings.Join(pidFiles, string(os.PathListSeparator)))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// tempDir makes a directory supervise accepts for --remove.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hookstrap-supervise-test-") //nolint:usetesting // t.TempDir has another name.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// waitFor polls until cond holds.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// pidIn waits until supervise has written a pid file, and returns the process id in it.
func pidIn(t *testing.T, file string) int {
	t.Helper()
	pid := 0
	waitFor(t, file, func() bool {
		data, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
		return err == nil
	})
	return pid
}

// gone reports whether no process has this id.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
