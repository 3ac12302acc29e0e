// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// TestMemoryLimit: the kernel ends what takes more than its limit. Without root there is no limit.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	hungry := filepath.Join(t.TempDir(), "hungry")
	// One line of 64 MiB, which tail has to hold in memory.
	script := "#!/bin/sh\nhead -c 67108864 /dev/zero | tail -n 1 >/dev/null\n"
	if err := os.WriteFile(hungry, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		limit int64
		ended bool
	}{{32 << 20, os.Geteuid() == 0}, {256 << 20, false}, {0, false}} {
		server, err := process.Start(t.Context(), process.Options{Binary: hungry, MemoryLimit: row.limit})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Wait(); (err != nil) != row.ended {
			t.Errorf("with a limit of %d MiB: %v, want an error: %t", row.limit>>20, err, row.ended)
		}
	}
}
