// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChildDiesWithKilledSupervisor(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	cmd := supervise(t, parentFlag, "--pid-file="+pidFile, "--", "sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := pidIn(t, pidFile)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "the child to die", func() bool { return gone(pid) || zombie(pid) })
}

// zombie reports whether a process has ended but no one has collected it: in a container whose process 1 never does,
// an orphan stays one indefinitely.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
