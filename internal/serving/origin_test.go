// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOriginIsThePairs: what is noted goes with the pair, and cannot be seen from outside.
func TestOriginIsThePairs(t *testing.T) {
	root, d := newRoot(t, "root"), open(t)
	if got := d.Origin(); got != "" {
		t.Errorf("origin %q of nothing", got)
	}
	for _, origin := range []string{"example.com/first", "example.com/second", ""} {
		pair := newPair(t, root)
		must(t, d.Save(pair, origin))
		wantLoad(t, d, pair)
		again, err := OpenDirectory(d.Path())
		must(t, err)
		if got := again.Origin(); got != origin {
			t.Errorf("origin %q after a restart, want %q", got, origin)
		}
		want := []string{"..data", "GENERATION", "ca.crt", "tls.crt", "tls.key"}
		if diff := cmp.Diff(want, names(t, d.Path())); diff != "" {
			t.Errorf("in the directory (-want +got):\n%s", diff)
		}
	}
}
