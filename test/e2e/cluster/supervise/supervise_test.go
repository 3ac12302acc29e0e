// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

var parentFlag = "--parent=" + strconv.Itoa(os.Getpid())

func TestExitCodes(t *testing.T) {
	tests := map[string]struct {
		args       []string
		wantCode   int
		wantStderr string
	}{
		"success":       {args: []string{parentFlag, "--", "true"}},
		"child's code":  {args: []string{parentFlag, "--", "sh", "-c", "exit 7"}, wantCode: 7},
		"signal":        {args: []string{parentFlag, "--", "sh", "-c", "kill -KILL $$"}, wantCode: 128 + 9},
		"no such":       {args: []string{parentFlag, "--", "/no/such/file"}, wantCode: 127, wantStderr: "starting /no/such/file"},
		"no command":    {args: []string{parentFlag}, wantCode: 2, wantStderr: "no command: put it after --"},
		"no parent":     {args: []string{"--", "true"}, wantCode: 2, wantStderr: "--parent must be a process id"},
		"unknown flag":  {args: []string{"--nope"}, wantCode: 2, wantStderr: "nope"},
		"child's flags": {args: []string{parentFlag, "--", "sh", "-c", "test $1 = --remove", "sh", "--remove"}},
		"bad pid file": {
			args:     []string{parentFlag, "--pid-file=/no/such/dir/pid", "--", "sleep", "600"},
			wantCode: 127, wantStderr: "writing the process id",
		},
		"refused directory": {
			args:     []string{parentFlag, "--remove=/", "--", "true"},
			wantCode: 2, wantStderr: "refusing --remove /",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := supervise(t, tt.args...)
			_ = cmd.Run()
			stderr := fmt.Sprint(cmd.Stderr)
			if got := cmd.ProcessState.ExitCode(); got != tt.wantCode {
				t.Errorf("exit code %d, want %d; stderr: %s", got, tt.wantCode, stderr)
			}
			if !strings.Contains(stderr, tt.wantStderr) {
				t.Errorf("stderr %q, want %q in it", stderr, tt.wantStderr)
			}
		})
	}
}

func TestOutputIsPassedOn(t *testing.T) {
	cmd := supervise(t, parentFlag, "--", "sh", "-c", "echo out; echo err >&2")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != "out\n" || fmt.Sprint(cmd.Stderr) != "err\n" {
		t.Errorf("stdout %q, stderr %q; want out and err", out, cmd.Stderr)
	}
}

// The child counts its SIGTERMs. The whole group of supervise is signaled, as envtest does it.
func TestSignalReachesTheChildExactlyOnce(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			ready := filepath.Join(t.TempDir(), "ready")
			script := `n=0; trap 'n=$((n+1))' TERM INT; : >"$1"
				while [ $n = 0 ]; do sleep 0.02; done; sleep 0.2; exit $((40+n))`
			cmd := supervise(t, parentFlag, "--", "sh", "-c", script, "sh", ready)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the trap", func() bool { return exists(ready) })
			if err := syscall.Kill(-cmd.Process.Pid, sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != 41 {
				t.Errorf("exit code %d, want 41: one signal", got)
			}
		})
	}
}

func TestChildThatIgnoresTheSignalIsKilled(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	script := `trap '' TERM; : >"$1"; while :; do sleep 1; done`
	cmd := supervise(t, parentFlag, "--", "sh", "-c", script, "sh", ready)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the trap", func() bool { return exists(ready) })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 128+int(syscall.SIGKILL) {
		t.Errorf("exit code %d, want a killed child", got)
	}
}

func TestDiesWithItsKilledParent(t *testing.T) {
	dir := tempDir(t)
	first, second := filepath.Join(dir, "first.pid"), filepath.Join(dir, "second.pid")
	parent := startParent(t, first, second)
	pids := []int{pidIn(t, first), pidIn(t, second)}

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for _, pid := range pids {
		waitFor(t, "the child to die", func() bool { return gone(pid) })
	}
	waitFor(t, "the directory's removal", func() bool { return !exists(dir) })
}

func TestNeverStaysWhenTheParentIsGoneBeforeTheStart(t *testing.T) {
	dir := tempDir(t)
	cmd := supervise(t, "--parent=1", "--remove="+dir, "--", "sleep", "600")
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != 128+int(syscall.SIGKILL) {
		t.Errorf("exit code %d, want a killed child; stderr: %s", got, cmd.Stderr)
	}
	if exists(dir) {
		t.Errorf("%s is still there", dir)
	}
}

func TestDirectoryStaysWhileTheParentLives(t *testing.T) {
	dir := tempDir(t)
	cmd := supervise(t, parentFlag, "--remove="+dir, "--", "true")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, cmd.Stderr.(*bytes.Buffer))
	}
	if !exists(dir) {
		t.Errorf("%s was removed though its owner lives", dir)
	}
}
