// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "syscall"

// childAttributes puts the child into a process group of its own and makes the kernel kill it when supervise is gone.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
