// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestRenewalTimeIsBetween70And90PercentOfTheRealLifetime(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	leaf := &x509.Certificate{NotBefore: from, NotAfter: from.Add(100 * time.Hour)}
	for random, want := range map[float64]time.Duration{0: 70 * time.Hour, 0.5: 80 * time.Hour, 1: 90 * time.Hour} {
		if got := renewalTime(leaf, random).Sub(from).Round(time.Second); got != want {
			t.Errorf("renewalTime(random %g) = %s after NotBefore, want %s", random, got, want)
		}
	}
	for range 1000 {
		if r := jittered(); r < 0 || r >= 1 {
			t.Fatalf("jitter %g is outside [0,1)", r)
		}
	}
}

func TestNapsAreShortAndFollowTheWallClock(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		due  time.Time
		want time.Duration
	}{
		"far away":                      {due: now.Add(24 * time.Hour), want: longestNap},
		"soon":                          {due: now.Add(3 * time.Second), want: 3 * time.Second},
		"past, after a suspended night": {due: now.Add(-8 * time.Hour), want: -8 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			if got := napUntil(tc.due, now).Round(time.Second); got != tc.want {
				t.Errorf("napUntil = %s, want %s", got, tc.want)
			}
		})
	}
}
