// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// Supervisor makes command lines that run a component under supervise.
type Supervisor struct {
	// Supervise is the path of its binary.
	Supervise string
	// Dir goes when this process has gone. The component's process id is in a file there.
	Dir string
	// Join is the file with the id of the process whose namespaces the component joins, or empty.
	Join string
	// Unshare gives the component namespaces of its own.
	Unshare bool
}

// Command returns the command line; the component's own flags follow it. What has no name gets no file either.
func (s Supervisor) Command(component assets.Component, binary string) []string {
	args := []string{s.Supervise, "--parent=" + strconv.Itoa(os.Getpid()), "--remove=" + s.Dir}
	if component != "" {
		args = append(args, "--pid-file="+PIDFile(s.Dir, component))
	}
	if s.Join != "" {
		args = append(args, "--join="+s.Join)
	}
	if s.Unshare {
		args = append(args, "--unshare")
	}
	return append(args, "--", binary)
}

// Cmd returns a command that ends by itself, or in order with the context. It gets no file.
func (s Supervisor) Cmd(ctx context.Context, binary string, args ...string) *exec.Cmd {
	line := append(s.Command("", binary), args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // which supervise passes on
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// PIDFile is where a component's process id is, as this process sees it.
func PIDFile(dir string, component assets.Component) string {
	return filepath.Join(dir, string(component)+".pid")
}
