// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command own-check is a webhook with the built-in checks and one of its own. It is a module of its own, as yours would
// be; copy it, change ownerEmail, and drop the replace directive in go.mod.
package main

import (
	"context"
	"os"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

func definitions() []handler.Definition {
	return append(check.Definitions(), ownerEmail())
}

func main() {
	os.Exit(command.Run(context.Background(), os.Args[1:], command.Options{
		Name: "own-check", Definitions: definitions(),
	}))
}
