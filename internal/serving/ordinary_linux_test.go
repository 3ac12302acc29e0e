// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// unprivilegedUser is the user of Linux that owns nothing.
const unprivilegedUser = 65534

// asOrdinaryUser runs do with the file permissions of somebody who is not root, also when root runs the tests: the file
// system user belongs to a thread, and without it root's right to pass over permissions is gone.
func asOrdinaryUser(t *testing.T, do func()) {
	t.Helper()
	if os.Getuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		must(t, syscall.Setfsuid(unprivilegedUser))
		defer func() { must(t, syscall.Setfsuid(0)) }()
	}
	do()
}
