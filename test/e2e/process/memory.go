// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// groupPrefix begins the names of the memory control groups; the id of the process that made it follows.
const groupPrefix = "hookstrap-process-"

// memoryGroup is a memory control group for one server, as the kubelet makes one for a container. Without the right to
// make one (no root, no Linux) its directory is empty, and the peak comes from the process itself.
type memoryGroup struct {
	dir string
	v2  bool
}

// newMemoryGroup makes a group that may hold limit bytes, the page cache and sockets included.
func newMemoryGroup(limit int64) (g memoryGroup, err error) {
	parent, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		parent, file, g.v2 = "/sys/fs/cgroup", "memory.max", true
	}
	removeStale(parent)
	g.dir, err = os.MkdirTemp(parent, fmt.Sprintf("%s%d-", groupPrefix, os.Getpid()))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return memoryGroup{}, nil
	}
	if err != nil {
		return memoryGroup{}, fmt.Errorf("making a memory control group: %w", err)
	}
	if err := os.WriteFile(filepath.Join(g.dir, file), []byte(strconv.FormatInt(limit, 10)), 0o600); err != nil {
		return memoryGroup{}, errors.Join(fmt.Errorf("limiting a memory control group: %w", err), g.remove())
	}
	return g, nil
}

// removeStale removes the groups of processes that were killed before they could.
func removeStale(parent string) {
	groups, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*")) // Its only error is that of a bad pattern.
	for _, group := range groups {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(group), groupPrefix), "-")
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(group) // Another test may be faster.
		}
	}
}

// enter makes a command one that starts in the group.
func (g memoryGroup) enter(command []string) []string {
	if g.dir == "" {
		return command
	}
	return append([]string{"/bin/sh", "-c", `echo $$ >"$0"/cgroup.procs && exec "$@"`, g.dir}, command...)
}

// peak is the most memory that was charged to the group, in bytes.
func (g memoryGroup) peak() (int64, error) {
	file := "memory.max_usage_in_bytes"
	if g.v2 {
		file = "memory.peak"
	}
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0, fmt.Errorf("reading the peak of a memory control group: %w", err)
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

func (g memoryGroup) remove() error {
	if g.dir == "" {
		return nil
	}
	return os.Remove(g.dir)
}

// highWater is the most resident memory that a process has had so far, in bytes.
func highWater(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("process %d has no memory any more: it has ended", pid)
	}
	kibibytes, err := strconv.ParseInt(fields[0], 10, 64)
	return kibibytes << 10, err
}
