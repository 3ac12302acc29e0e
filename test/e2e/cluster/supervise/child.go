// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// grace is how long a component may take to end after a signal. A kube-apiserver waits up to a minute for clients which
// hold their connections; a throwaway one does not need that, whose data is in etcd. It must stay below envtest's own
// patience of 20 s, which would end in killing supervise and, where there is no parent-death signal, in leaving the
// component behind.
const grace = 2 * time.Second

type child struct {
	cmd     *exec.Cmd
	done    chan int
	overdue <-chan time.Time
}

// start must be called on the locked main thread; see main.
func start(o options, stdout, stderr io.Writer) (*child, error) {
	cmd := exec.Command(o.command[0], o.command[1:]...) //nolint:noctx // Signals end it, see main.
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = childAttributes()
	if o.unshare {
		if err := unshared(cmd.SysProcAttr); err != nil {
			return nil, err
		}
	}
	if o.join != "" {
		if err := join(o.join, cmd.SysProcAttr); err != nil {
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", o.command[0], err)
	}
	c := &child{cmd: cmd, done: make(chan int, 1)}
	if err := writePID(o.pidFile, cmd.Process.Pid); err != nil {
		c.kill()
		_ = cmd.Wait()
		return nil, err
	}
	go func() { c.done <- exitCode(cmd.Wait()) }()
	return c, nil
}

func writePID(file string, pid int) error {
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the process id: %w", err)
	}
	return nil
}

// stop asks the child to end and gives it until overdue to do so.
func (c *child) stop(s os.Signal) {
	_ = c.cmd.Process.Signal(s) // It may have ended just now: nothing is left to do then.
	if c.overdue == nil {
		c.overdue = time.After(grace)
	}
}

// kill ends the child's whole process group, so that nothing the child started stays either.
func (c *child) kill() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if err == nil {
		return 0
	}
	if !errors.As(err, &exit) {
		return 1
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
