// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// stopTimeout is longer than supervise's own patience with its child.
const stopTimeout = 20 * time.Second

// supervised returns the command line that runs a component under supervise; the component's own flags follow it.
func (c *Cluster) supervised(component assets.Component) []string {
	return []string{
		c.layout.Supervise,
		"--parent=" + strconv.Itoa(os.Getpid()),
		"--remove=" + c.dir,
		"--pid-file=" + filepath.Join(c.dir, string(component)+".pid"),
		"--", c.layout.Path(component),
	}
}

// wrapper writes a script that runs a component under supervise, for envtest, which runs one path with nothing but
// flags. Asked for --help, as envtest does to discover flags, the component itself answers.
func (c *Cluster) wrapper(component assets.Component) (string, error) {
	dir := filepath.Join(c.dir, "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the cluster's directory: %w", err)
	}
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = --help ] && exec %s --help\nexec %s \"$@\"\n",
		quote(c.layout.Path(component)), quote(c.supervised(component)...))
	path := filepath.Join(dir, string(component))
	// A process forked meanwhile would inherit the file, open for writing, and running the script would fail with
	// "text file busy".
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil { //nolint:gosec // A script has to be executable.
		return "", fmt.Errorf("writing the script which starts %s: %w", component, err)
	}
	return path, nil
}

// quote writes arguments so that a shell reads them back unchanged.
func quote(args ...string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}

// process is a component that this package runs without envtest.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

func startProcess(args []string, out io.Writer) (*process, error) {
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // It outlives the context of its start.
	cmd.Stdout, cmd.Stderr = out, out
	// As envtest does it: Ctrl-C in a terminal must not end the components before the test has stopped them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // The exit code says less than the log.
		close(p.done)
	}()
	return p, nil
}

// stop ends the process, by force if it must.
func (p *process) stop() error {
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
