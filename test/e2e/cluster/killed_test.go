// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// A process that is killed runs no cleanup, and nothing may stay all the same.
func TestNothingStaysWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), envVictim+"=1")
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the victim started no cluster: %v", err)
	}
	dir := strings.TrimSpace(line)
	pids := componentPIDs(t, dir)
	if len(pids) != 3 {
		t.Fatalf("%d components, want 3", len(pids))
	}

	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	clustertest.Eventually(t, func(context.Context) error {
		for _, pid := range pids {
			if !gone(pid) {
				return fmt.Errorf("process %d is still there", pid)
			}
		}
		if _, err := os.Stat(dir); err == nil {
			return fmt.Errorf("%s is still there", dir)
		}
		return nil
	})
}

// componentPIDs reads the process ids of a cluster's components.
func componentPIDs(t *testing.T, dir string) []int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pids := make([]int, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if pids[i], err = strconv.Atoi(strings.TrimSpace(string(data))); err != nil {
			t.Fatal(err)
		}
		if gone(pids[i]) {
			t.Errorf("%s names process %d, which does not exist", file, pids[i])
		}
	}
	return pids
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
