// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"fmt"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// From a configuration to a handler. A file would be read with config.Load.
func ExampleBuild() {
	c, err := config.Parse([]byte(`
apiVersion: hookstrap.dev/v1alpha1
kind: CheckConfiguration
checks:
  imageTag: {mode: warn}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	entries, err := config.Build(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := handler.New(handler.Options{Entries: entries}); err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range entries {
		fmt.Println(e.Check.Name(), e.Mode)
	}
	// Output:
	// podSecurity deny
	// imageTag warn
	// requiredLabels off
}

// A misspelled field is an error, and is named.
func ExampleParse() {
	_, err := config.Parse([]byte(`
apiVersion: hookstrap.dev/v1alpha1
kind: CheckConfiguration
checks: {podSecurity: {levle: restricted}}
`))
	fmt.Println(err)
	// Output: unknown field "checks.podSecurity.levle"
}
