// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// TestInterruptsOfOurGroupDoNotReachTheServer: Ctrl-C in a terminal, which goes to all of a process group, is for us to
// act upon. A server that gets it too leaves by itself, and takes the SIGTERM that follows for a second request to end.
func TestInterruptsOfOurGroupDoNotReachTheServer(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	group, err := syscall.Getpgid(server.PID())
	if err != nil {
		t.Fatal(err)
	}
	if group != server.PID() || group == syscall.Getpgrp() {
		t.Errorf("the server is in process group %d, and we are in %d", group, syscall.Getpgrp())
	}
}
