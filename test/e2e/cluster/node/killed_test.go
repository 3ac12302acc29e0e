// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

// victim is a process that runs a node with a pod, and the names of the node's and its control plane's directories.
type victim struct {
	cmd   *exec.Cmd
	names []string
}

func startVictim(t *testing.T) victim {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envVictim+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), "victim "); found {
			return victim{cmd: cmd, names: strings.Fields(rest)}
		}
	}
	t.Fatal("the victim started no node")
	return victim{}
}

func (v victim) end(t *testing.T, sig syscall.Signal) {
	t.Helper()
	must(t, v.cmd.Process.Signal(sig))
	_ = v.cmd.Wait()
}

// A process that is killed, by force or by Ctrl-C, runs no cleanup, and nothing may stay all the same.
func TestNothingStaysWhenTheProcessIsKilled(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			before := litter(t)
			v := startVictim(t)
			wantTraces(t, v)
			holdNetwork(t, v)
			v.end(t, sig)
			awaitNoTrace(t, v)
			if after := litter(t); !slices.Equal(before, after) {
				t.Errorf("outside of the node there were %v, and there are %v", before, after)
			}
		})
	}
}

// When its supervisors are killed with it, no process stays either. The next node removes the rest.
func TestNextNodeRemovesWhatACrashHasLeft(t *testing.T) {
	crashed := startVictim(t)
	holdNetwork(t, crashed)
	for _, p := range processes(t, crashed) {
		if strings.Contains(p.line, "supervise") {
			clustertest.Kill(t, p.pid)
		}
	}
	crashed.end(t, syscall.SIGKILL)
	clustertest.Eventually(t, func(context.Context) error {
		if left := processes(t, crashed); len(left) > 0 {
			return fmt.Errorf("still there: %v", left)
		}
		return nil
	})
	if len(traces(t, crashed)) == 0 {
		t.Fatal("the crash has left nothing that could be removed")
	}
	next := startVictim(t)
	awaitNoTrace(t, crashed)
	next.end(t, syscall.SIGKILL)
	awaitNoTrace(t, next)
}

// holdNetwork keeps the kernel from removing the node's network by itself, as a connection does that was cut and is not
// yet given up.
func holdNetwork(t *testing.T, v victim) {
	t.Helper()
	pid, err := os.ReadFile(run.PIDFile(filepath.Join(os.TempDir(), v.names[0]), "machine"))
	must(t, err)
	held, err := os.Open(fmt.Sprintf("/proc/%s/ns/net", strings.TrimSpace(string(pid))))
	must(t, err)
	t.Cleanup(func() { must(t, held.Close()) })
}

// wantTraces proves that the search would find something.
func wantTraces(t *testing.T, v victim) {
	t.Helper()
	if len(traces(t, v)) < 4 || len(processes(t, v)) < 10 {
		t.Fatalf("the search finds %v and %v of a node that runs", traces(t, v), processes(t, v))
	}
}

func awaitNoTrace(t *testing.T, v victim) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if left := traces(t, v); len(left) > 0 {
			return fmt.Errorf("still there: %v", left)
		}
		if left := processes(t, v); len(left) > 0 {
			return fmt.Errorf("still there: %v", left)
		}
		return nil
	})
}

// traces are the directories, mounts, control groups and devices of a node.
func traces(t *testing.T, v victim) []string {
	t.Helper()
	var found []string
	for _, alias := range glob(t, "/sys/class/net/*/ifalias") {
		if content, err := os.ReadFile(alias); err == nil && strings.TrimSpace(string(content)) == v.names[0] {
			found = append(found, alias)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	for _, name := range v.names {
		found = append(found, glob(t, filepath.Join(os.TempDir(), name))...)
		found = append(found, glob(t, "/sys/fs/cgroup/"+name, "/sys/fs/cgroup/*/"+name)...)
		if strings.Contains(string(mounts), name) {
			found = append(found, "a mount with the name "+name)
		}
	}
	return found
}

// litter is what is not in a node's own directories. Some of it may have been there before.
func litter(t *testing.T) []string {
	t.Helper()
	return glob(t, "/sys/fs/cgroup/k8s.io/*", "/sys/fs/cgroup/*/k8s.io/*", "/sys/fs/cgroup/*/kubepods",
		"/run/netns/*", "/run/containerd/*", "/var/lib/cni/*", "/var/lib/kubelet", "/var/log/pods")
}

type found struct {
	pid  int
	line string
}

// processes are those of a node: what they were told, or in which control group they are, has its name in it.
func processes(t *testing.T, v victim) []found {
	t.Helper()
	var all []found
	for _, entry := range glob(t, "/proc/[0-9]*") {
		var p found
		if _, err := fmt.Sscanf(filepath.Base(entry), "%d", &p.pid); err != nil {
			t.Fatal(err)
		}
		// What has just ended cannot be read, and is none.
		line, err := os.ReadFile(filepath.Join(entry, "cmdline"))
		groups, err2 := os.ReadFile(filepath.Join(entry, "cgroup"))
		if errors.Join(err, err2) != nil {
			continue
		}
		p.line = strings.ReplaceAll(string(line), "\x00", " ")
		for _, name := range v.names {
			if strings.Contains(p.line+string(groups), name) {
				all = append(all, p)
				break
			}
		}
	}
	return all
}

func glob(t *testing.T, patterns ...string) []string {
	t.Helper()
	var all []string
	for _, pattern := range patterns {
		matches, err := filepath.Glob(pattern)
		must(t, err)
		all = append(all, matches...)
	}
	return all
}
