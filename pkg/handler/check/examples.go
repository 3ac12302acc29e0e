// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"embed"
	"path"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// examples has a folder for each check, called as it: denied.yaml, admitted.yaml, and parameters.yaml unless the
// defaults deny what denied.yaml is.
//
//go:embed examples
var examples embed.FS

// addExamples reads the examples of a check into its documentation.
func addExamples(d *handler.Definition) {
	read := func(file string) string {
		text, _ := examples.ReadFile(path.Join("examples", d.Name, file)) // A missing file is an empty example: tests fail.
		return string(text)
	}
	d.Doc.Parameters, d.Doc.Denied, d.Doc.Admitted = read("parameters.yaml"), read("denied.yaml"), read("admitted.yaml")
}
