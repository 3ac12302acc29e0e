// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// unshared gives the child namespaces of its own. It is process 1 in them: when it ends, the kernel kills all that ever
// started there, and takes away their mounts and their network.
func unshared(attributes *syscall.SysProcAttr) error {
	attributes.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	// Unlike the clone flag, this one makes the child's mounts private as well.
	attributes.Unshareflags = unix.CLONE_NEWNS
	return nil
}

// join moves the calling thread into the namespaces of the process whose id is in a file, and into the root directory
// there. What the thread starts from now on is in all of them. The thread itself keeps its process id, and its parent.
func join(file string, attributes *syscall.SysProcAttr) error {
	// Go's own check that the parent is still there compares process ids of two namespaces, and the child would kill
	// itself. It dies with process 1 of its namespace as it is.
	attributes.Pdeathsig = 0
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading whose namespaces to join: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return fmt.Errorf("reading whose namespaces to join: %w", err)
	}
	// A thread which shares its root and working directory with others must not change its mounts.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("preparing to join the namespaces of process %d: %w", pid, err)
	}
	// All are opened before the first is joined: then /proc is another one.
	var spaces []*os.File
	for _, name := range []string{"net", "ipc", "uts", "pid", "mnt"} {
		space, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		if err != nil {
			return fmt.Errorf("opening a namespace of process %d: %w", pid, err)
		}
		defer func() { _ = space.Close() }()
		spaces = append(spaces, space)
	}
	for _, space := range spaces {
		if err := unix.Setns(int(space.Fd()), 0); err != nil {
			return fmt.Errorf("joining %s: %w", space.Name(), err)
		}
	}
	return nil
}
