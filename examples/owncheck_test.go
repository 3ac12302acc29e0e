// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package examples_test runs the tests of the example that is a module of its own, which ./... leaves out.
package examples_test

import (
	"os/exec"
	"testing"
)

func TestOwnCheck(t *testing.T) {
	for _, args := range [][]string{{"vet", "./..."}, {"test", "-count=1", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = "own-check"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %v: %v\n%s", args, err, out)
		}
	}
}
