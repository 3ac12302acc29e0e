// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"io"
	"testing"

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
	return Run(ctx, args, Options{Stdout: stdout, Stderr: stderr, Definitions: check.Definitions()})
}
