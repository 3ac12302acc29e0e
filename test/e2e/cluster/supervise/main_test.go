// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"
	"testing"
)

// envRole makes the test binary play a part other than running tests: a real process is the only honest subject here.
const envRole = "SUPERVISE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case "supervise":
		_ = os.Unsetenv(envRole)
		runtime.LockOSThread()
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	default:
		os.Exit(playParent())
	}
}
