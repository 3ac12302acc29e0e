// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

// supervised returns the command line that runs a component under supervise; the component's own flags follow it.
func (c *Cluster) supervised(component assets.Component) []string {
	s := run.Supervisor{Supervise: c.layout.Supervise, Dir: c.dir, Join: c.opts.Place.Join}
	return s.Command(component, c.layout.Path(component))
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
	// A process forked during that time would inherit the file, open for writing, and running the script would fail with
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
