// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestMinimalImportsPublicPackages: a copy of the example in another module compiles.
func TestMinimalImportsPublicPackages(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, "./minimal").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := strings.Fields(string(out))
	for _, path := range imports {
		if strings.Contains(path, "/internal/") {
			t.Errorf("it imports %s, which another module cannot", path)
		}
	}
	if !strings.Contains(string(out), "github.com/hookstrap/hookstrap/pkg/bootstrap") {
		t.Errorf("it does not import pkg/bootstrap, but %q", imports)
	}
}
