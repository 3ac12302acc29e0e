// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/lifecycle"
)

// A condition that holds may have something to say: it is in the long answer, and the server stays ready.
func TestReadyzSaysWarnings(t *testing.T) {
	warned := lifecycle.Condition{Name: "a", Check: func(context.Context) error {
		return fmt.Errorf("looking: %w", lifecycle.Warning(errors.New("one\ntwo")))
	}}
	line := "[+]a ok, but: looking: one two\n"
	for _, tt := range []struct {
		target     string
		conditions []lifecycle.Condition
		status     int
		body       string
	}{
		{"/readyz", []lifecycle.Condition{warned}, 200, "ok"},
		{"/readyz?verbose", []lifecycle.Condition{warned}, 200, line + "readyz check passed\n"},
		{"/readyz", []lifecycle.Condition{warned, bad("b", "x")}, 503, line + "[-]b failed: x\nreadyz check failed\n"},
	} {
		status, body := probe(t, lifecycle.ReadyzHandler(tt.conditions...), tt.target)
		if status != tt.status || body != tt.body {
			t.Errorf("%s answers %d %q, want %d %q", tt.target, status, body, tt.status, tt.body)
		}
	}
}
