// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"fmt"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// From a configuration to a handler. A file would be read with config.Load.
func ExampleParse() {
	c, err := config.Parse([]byte(`
apiVersion: hookstrap.dev/v1alpha1
kind: CheckConfiguration
checks:
  imageTag: {mode: warn}
`), check.Definitions())
	if err != nil {
		fmt.Println(err)
		return
	}
	entries, err := c.Build(handler.Environment{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := handler.New(handler.Options{Entries: entries}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Check("imageTag").Mode)
	// Output: warn
}

// A misspelled field is an error, and is named with its line.
func ExampleParse_misspelled() {
	_, err := config.Parse([]byte(`
apiVersion: hookstrap.dev/v1alpha1
kind: CheckConfiguration
checks:
  podSecurity: {levle: restricted}
`), check.Definitions())
	fmt.Println(err)
	// Output: line 5: unknown field "checks.podSecurity.levle"
}
