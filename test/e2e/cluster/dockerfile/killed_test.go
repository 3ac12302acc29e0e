// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && linux

package dockerfile_test

import (
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
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

// endless builds until it is killed, with mounts and a process as our own Dockerfile has them.
const endless = "FROM golang:1 AS build\nRUN --mount=type=bind,target=/src --mount=type=cache,target=/cache sleep 600\n"

// victim is a process that builds an image. All files of the build are below one directory of the test's.
type victim struct {
	cmd *exec.Cmd
	dir string
}

// startVictim returns when the command of the Dockerfile runs: the process furthest from the victim, and in a root
// directory of its own.
func startVictim(t *testing.T) victim {
	t.Helper()
	v := victim{dir: t.TempDir()}
	for _, name := range []string{temp, source, archives, cache} {
		must(t, os.Mkdir(filepath.Join(v.dir, name), 0o700))
	}
	for name, content := range map[string]string{"Dockerfile": endless, "go.mod": "module victim\n"} {
		must(t, os.WriteFile(filepath.Join(v.dir, source, name), []byte(content), 0o600))
	}
	t.Setenv("TMPDIR", filepath.Join(v.dir, temp)) // for the sweep as well
	v.cmd = exec.CommandContext(t.Context(), os.Args[0])
	v.cmd.Env = append(os.Environ(), envVictim+"="+v.dir)
	v.cmd.Stderr = os.Stderr
	must(t, v.cmd.Start())
	t.Cleanup(func() { endAll(t) })
	clustertest.Eventually(t, func(context.Context) error {
		all := processes(t)
		if !slices.ContainsFunc(all, func(p process) bool { return strings.HasPrefix(p.line, "sleep") }) {
			return fmt.Errorf("the victim runs nothing in the image that it builds: %v", all)
		}
		return nil
	})
	if len(v.traces(t)) == 0 || len(processes(t)) < 4 {
		t.Fatalf("the search finds %v and %v of a build that runs", v.traces(t), processes(t))
	}
	return v
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
			v := startVictim(t)
			v.end(t, sig)
			awaitNoProcess(t)
			clustertest.Eventually(t, func(context.Context) error { return stillThere(v.traces(t)) })
		})
	}
}

// When its supervisors are killed with it, no process stays either. The next node removes the rest.
func TestNextNodeRemovesWhatACrashHasLeft(t *testing.T) {
	v := startVictim(t)
	must(t, v.cmd.Process.Signal(syscall.SIGSTOP)) // or it would clean up when the first supervisor is gone
	for _, p := range processes(t) {
		if strings.Contains(p.line, "supervise") {
			clustertest.Kill(t, p.pid)
		}
	}
	v.end(t, syscall.SIGKILL)
	awaitNoProcess(t)
	if len(v.traces(t)) == 0 {
		t.Fatal("the crash has left nothing that could be removed")
	}
	must(t, run.Sweep("hookstrap-node-")) // which is what a node begins with
	must(t, stillThere(v.traces(t)))
}

// traces are the files and mounts of the build, but for the caches that are to stay.
func (v victim) traces(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{temp, archives, cache} {
		entries, err := os.ReadDir(filepath.Join(v.dir, name))
		must(t, err)
		for _, entry := range entries {
			if name != cache || !strings.HasPrefix(entry.Name(), "buildah-cache") {
				found = append(found, filepath.Join(name, entry.Name()))
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, v.dir) {
			found = append(found, "the mount "+line)
		}
	}
	return found
}

func awaitNoProcess(t *testing.T) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error { return stillThere(processes(t)) })
}

func stillThere[T any](left []T) error {
	if len(left) > 0 {
		return fmt.Errorf("still there: %v", left)
	}
	return nil
}

type process struct {
	pid, parent int
	state       byte
	line        string
}

// processes are all below this one, the victim itself among them, which have not ended.
func processes(t *testing.T) []process {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	children := map[int][]process{}
	for _, entry := range entries {
		if p, err := read(entry); err == nil { // What has just ended cannot be read, and is none.
			children[p.parent] = append(children[p.parent], p)
		}
	}
	var all []process
	for below := children[os.Getpid()]; len(below) > 0; {
		p := below[0]
		below = append(below[1:], children[p.pid]...)
		if p.state != 'Z' {
			all = append(all, p)
		}
	}
	return all
}

func read(entry string) (process, error) {
	line, err := os.ReadFile(filepath.Join(entry, "cmdline"))
	stat, err2 := os.ReadFile(filepath.Join(entry, "stat"))
	if err := errors.Join(err, err2); err != nil {
		return process{}, err
	}
	p := process{line: strings.ReplaceAll(string(line), "\x00", " ")}
	// A program's name, in parentheses, may have anything in it.
	_, err = fmt.Sscanf(string(stat[strings.LastIndex(string(stat), ")")+1:]), " %c %d", &p.state, &p.parent)
	_, err2 = fmt.Sscanf(filepath.Base(entry), "%d", &p.pid)
	return p, errors.Join(err, err2)
}

// endAll ends what a failed test has left running.
func endAll(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // The test's own has ended by now.
	defer cancel()
	must(t, poll.Until(ctx, func(context.Context) error {
		left := processes(t)
		for _, p := range left {
			_ = syscall.Kill(p.pid, syscall.SIGKILL) // It may have ended.
		}
		return stillThere(left)
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
