// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// The old name of failurePolicy is read as before, and each place is a warning with its line.
func TestOnErrorIsRead(t *testing.T) {
	c, err := Parse([]byte(head+`checks:
  paint:
    mode: warn
    onError: allow
  extra:
    mode: off
    onError: "deny"
`), definitions())
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Check("paint").FailurePolicy; got != handler.Ignore {
		t.Errorf("onError: allow is failurePolicy: %s", got)
	}
	if got := c.Check("extra").FailurePolicy; got != handler.Fail {
		t.Errorf("onError: deny is failurePolicy: %s", got)
	}
	want := []string{
		"line 6: checks.paint.onError is deprecated: write failurePolicy: Ignore",
		"line 9: checks.extra.onError is deprecated: write failurePolicy: Fail",
	}
	if diff := cmp.Diff(want, c.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestFailurePolicyIsNoWarning(t *testing.T) {
	for _, checks := range []string{"{paint: {failurePolicy: Ignore}}", "{paint: {onError: }}", "{paint: {}}"} {
		if c := parse(t, checks); len(c.Warnings) > 0 {
			t.Errorf("%s: got %q", checks, c.Warnings)
		}
	}
}

func TestOnErrorThatIsWrong(t *testing.T) {
	for checks, want := range map[string]string{
		"{paint: {onError: Ignore}}": `line 3: checks.paint.onError: Unsupported value: "Ignore": supported values: "deny", "allow"`,
		"{paint: {onError: 5}}":      `line 3: checks.paint.onError: Unsupported value: "5": supported values: "deny", "allow"`,
		"{paint: {onError: deny, failurePolicy: Fail}}": "line 3: checks.paint.onError is the old name of failurePolicy, " +
			"which is there too: remove checks.paint.onError",
	} {
		if _, err := Parse([]byte(head+"checks: "+checks+"\n"), definitions()); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", checks, err, want)
		}
	}
}
