// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestRenewalTimeIsBetween70And90PercentOfTheRealLifetime(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	leaf := &x509.Certificate{NotBefore: from, NotAfter: from.Add(100 * time.Hour)}
	for random, want := range map[float64]time.Duration{0: 70 * time.Hour, 0.5: 80 * time.Hour, 1: 90 * time.Hour} {
		if got := RenewalTime(leaf, random).Sub(from).Round(time.Second); got != want {
			t.Errorf("RenewalTime(random %g) = %s after NotBefore, want %s", random, got, want)
		}
	}
	for range 1000 {
		if r := Jittered(); r < 0 || r >= 1 {
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
		"far away":                      {due: now.Add(24 * time.Hour), want: LongestNap},
		"soon":                          {due: now.Add(3 * time.Second), want: 3 * time.Second},
		"past, after a suspended night": {due: now.Add(-8 * time.Hour), want: -8 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			if got := NapUntil(tc.due, now).Round(time.Second); got != tc.want {
				t.Errorf("NapUntil = %s, want %s", got, tc.want)
			}
		})
	}
}

func TestJudgedAt(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct{ begins, want time.Duration }{
		"the usual":                      {-5 * time.Minute, 0},
		"the signer's clock is ahead":    {30 * time.Second, 30 * time.Second},
		"just tolerable":                 {ClockSkew, ClockSkew},
		"too far ahead to be a skew":     {ClockSkew + time.Second, 0},
		"it begins at this very instant": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := &x509.Certificate{NotBefore: now.Add(tc.begins), NotAfter: now.Add(time.Hour)}
			if got := JudgedAt(leaf, now).Sub(now); got != tc.want {
				t.Errorf("judged %s from now, want %s", got, tc.want)
			}
		})
	}
}
