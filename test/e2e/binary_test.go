// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"os"
	"testing"
)

// Whatever executes a template of package text/template calls methods by their names. The linker then keeps every method
// of every type that is linked, which made the binary half as large again (20 MB). Cobra does so for a template of one's
// own, as of the version.
func TestNoTemplateIsExecuted(t *testing.T) {
	t.Parallel()
	program, err := binary()
	must(t, err)
	linked, err := os.ReadFile(program)
	must(t, err)
	if bytes.Contains(linked, []byte("text/template.(*state).walk")) {
		t.Error("the binary executes templates of package text/template")
	}
}
