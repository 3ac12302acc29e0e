// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package examples_test runs the tests of the examples that are modules of their own, which ./... leaves out, and compiles
// what examples/kubebuilder is compared with.
package examples_test

import (
	"os/exec"
	"testing"
)

func TestExamplesThatAreModules(t *testing.T) {
	for _, dir := range []string{"own-check", "kubebuilder", "../test/peers"} {
		for _, args := range [][]string{{"vet", "./..."}, {"test", "-count=1", "./..."}} {
			cmd := exec.CommandContext(t.Context(), "go", args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: go %v: %v\n%s", dir, args, err, out)
			}
		}
	}
}
