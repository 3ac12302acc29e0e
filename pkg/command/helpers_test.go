// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"io"
	"testing"

	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// runPlain runs one command line, and returns what it says.
func runPlain(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	var out bytes.Buffer
	code = run(t.Context(), args, &out, &out)
	return code, out.String()
}

// run runs one command line with the built-in checks.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	klog.StopFlushDaemon()                            // Of a command before: it reads what is written here.
	if err := logsapi.ResetForTest(nil); err != nil { // A process sets up its log once.
		panic(err)
	}
	return Run(ctx, args, Options{Stdout: stdout, Stderr: stderr, Definitions: check.Definitions()})
}
