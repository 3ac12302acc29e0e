// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"testing"
	"time"
)

// TestWhatIsTooMuchLeavesLate: an unknown CA, which another replica may serve, after 15 minutes; a known one after
// seconds; what is missing is written at once.
func TestWhatIsTooMuchLeavesLate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		decision decision
		want     time.Duration
	}{
		"unknown": {decision{reason: "surplus", unknown: true}, 15 * time.Minute},
		"known":   {decision{reason: "surplus"}, 5 * time.Second},
		"missing": {decision{reason: "differs", urgent: true, unknown: true}, 0},
		"right":   {decision{}, 0},
	} {
		w := &worker{}
		if got := w.patience(tc.decision, now); got != tc.want {
			t.Errorf("%s: waits %s, want %s", name, got, tc.want)
		}
		if tc.want == 0 {
			continue
		}
		if got := w.patience(tc.decision, now.Add(tc.want)); got > 0 {
			t.Errorf("%s: still waits %s after %s", name, got, tc.want)
		}
	}
}
