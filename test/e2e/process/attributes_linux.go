// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes have the kernel kill the server when this process ends, however it does.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
