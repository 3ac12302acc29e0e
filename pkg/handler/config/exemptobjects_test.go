// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"
)

// TestExemptObjectsThatEnd are warned of with their line: a fortnight before, and after their end. A day needs no quotes.
func TestExemptObjectsThatEnd(t *testing.T) {
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	text := head + `checks:
  paint:
    exempt:
      objects:
      - {kinds: [pods], names: [a], namespaces: [x], reason: far, until: ` + day(60) + `}
      - {kinds: [pods], names: [b], namespaces: [x], reason: OPS-1, until: ` + day(3) + `}
      - kinds: [pods]
        names: [c]
        namespaces: [x]
        reason: OPS-2
        until: ` + day(-3) + `
`
	c, err := Parse([]byte(text), definitions())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"line 8: checks.paint.exempt.objects[1]: it ends after " + day(3) + " (OPS-1)",
		"line 13: checks.paint.exempt.objects[2]: it has ended after " + day(-3) + " and does not apply (OPS-2)"}
	if len(c.Warnings) != 2 || !strings.HasPrefix(c.Warnings[0], want[0]) || !strings.HasPrefix(c.Warnings[1], want[1]) {
		t.Errorf("got %q, want %q", c.Warnings, want)
	}
	bad := strings.Replace(text, "reason: OPS-1, ", "", 1)
	if _, err := Parse([]byte(bad), definitions()); err == nil ||
		!strings.Contains(err.Error(), "line 8: checks.paint.exempt.objects[1].reason: Required value") {
		t.Errorf("an exemption without a reason: %v", err)
	}
}
