// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command webhook is an admission webhook server that bootstraps its own TLS, and does that for other servers too. See
// `webhook --help`.
package main

import (
	"context"
	"os"
	"slices"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

func main() {
	os.Exit(command.Run(context.Background(), os.Args[1:], command.Options{
		Version: version, Definitions: slices.Concat(check.Definitions(), mutation.Definitions()),
	}))
}
