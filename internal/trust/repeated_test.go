// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"strings"
	"testing"
)

func TestRepeated(t *testing.T) {
	t.Parallel()
	var asked []string
	upper := repeated(func(text string) string {
		asked = append(asked, text)
		return strings.ToUpper(text)
	})
	for _, text := range []string{"", "", "a", "a", "b", "a"} {
		if got := upper(text); got != strings.ToUpper(text) {
			t.Errorf("the answer to %q is %q", text, got)
		}
	}
	if got := strings.Join(asked, ","); got != ",a,b,a" {
		t.Errorf("it was computed for %q", got)
	}
}
