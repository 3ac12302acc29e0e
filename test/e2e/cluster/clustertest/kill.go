// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"errors"
	"syscall"
	"testing"
)

// Kill ends a process that may have ended already: when several are ended one after the other, the end of the first may
// have ended the next, and some live for a moment only.
func Kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("killing process %d failed: %v", pid, err)
	}
}
