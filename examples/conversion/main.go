// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command conversion is a conversion webhook of a CustomResourceDefinition. Version v1 of a Box has spec.size as a text
// such as "3x4", v2 has spec.width and spec.height.
package main

import (
	"context"
	"os"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

func options() command.Options {
	return command.Options{
		Name: "conversion", Conversions: []*handler.Conversion{boxes()},
		WebhookConfigurations: []string{"crd/boxes.example.com"},
	}
}

func main() {
	os.Exit(command.Run(context.Background(), os.Args[1:], options()))
}
