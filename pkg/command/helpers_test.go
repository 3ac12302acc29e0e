// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"io"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// run runs one command line with the built-in checks.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return Run(ctx, args, Options{Stdout: stdout, Stderr: stderr, Definitions: check.Definitions()})
}
