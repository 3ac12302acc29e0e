// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopTimeout is longer than supervise's own patience with its child.
const stopTimeout = 20 * time.Second

// Process is a running component.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

// Start runs a command line. Its output goes to out.
func Start(args []string, out io.Writer) (*Process, error) {
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // It outlives the context of its start.
	cmd.Stdout, cmd.Stderr = out, out
	// As envtest does it: Ctrl-C in a terminal must not end the components before the test has stopped them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // The exit code says less than the log.
		close(p.done)
	}()
	return p, nil
}

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the process, by force if it must. One that has ended is left alone.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signaling process %d: %w", p.cmd.Process.Pid, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("process %d did not end within %s and was killed", p.cmd.Process.Pid, stopTimeout)
	}
}
