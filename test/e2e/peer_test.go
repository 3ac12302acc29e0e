// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority || admission

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// startPeer runs another program until the test ends. The flags of our own, which the process would get, are not its.
func startPeer(t *testing.T, command ...string) *process.Server {
	t.Helper()
	script := filepath.Join(t.TempDir(), "peer")
	text := "#!/bin/sh\nexec '" + strings.Join(command, "' '") + "'\n"
	must(t, os.WriteFile(script, []byte(text), 0o700)) // #nosec G306 -- it is run.
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{Binary: script})
	must(t, err)
	t.Cleanup(func() {
		server.Kill()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", command[0], server.Log())
		}
	})
	return server
}
