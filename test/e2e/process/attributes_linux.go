// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes have the kernel kill the server when this process ends, however it does, and keep Ctrl-C from it, which a
// terminal sends to a whole process group: the process that started the server stops it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
