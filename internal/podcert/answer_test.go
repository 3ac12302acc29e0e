// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

// TestIssuedMeetsTheRules: those of ValidatePodCertificateRequestStatusUpdate, at both ends of the lifetimes.
func TestIssuedMeetsTheRules(t *testing.T) {
	t.Parallel()
	const margin = 10 * time.Minute
	if backdating > 5*time.Minute {
		t.Errorf("certificates are backdated by %s: the API server takes five minutes", backdating)
	}
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for _, lifetime := range []time.Duration{ShortestLifetime, ShortestLifetime + time.Second, 24*time.Hour + time.Second,
		DefaultLifetime, LongestLifetime} {
		from := now.Add(-backdating)
		leaf := &x509.Certificate{DNSNames: []string{"web.shop.svc"}, NotBefore: from, NotAfter: from.Add(lifetime)}
		got := issued(leaf, now)
		if !got.NotBefore.Time.Equal(leaf.NotBefore) || !got.NotAfter.Time.Equal(leaf.NotAfter) {
			t.Errorf("%s: the status says %s to %s, want the times of the certificate", lifetime, got.NotBefore, got.NotAfter)
		}
		refresh := got.BeginRefreshAt.Time
		if refresh.Before(from.Add(margin)) || refresh.After(leaf.NotAfter.Add(-margin)) || refresh.Nanosecond() != 0 {
			t.Errorf("%s: a refresh at %s is not to the second, or nearer than %s to %s or %s", lifetime, refresh, margin, from,
				leaf.NotAfter)
		}
		if len(got.Conditions) != 1 || got.Conditions[0].Type != "Issued" {
			t.Errorf("%s: conditions %v, want Issued alone", lifetime, got.Conditions)
		}
	}
}

// TestConditionsAreShort: what a message quotes may be long, and is cut between characters.
func TestConditionsAreShort(t *testing.T) {
	t.Parallel()
	got := condition("Denied", ReasonAnnotations, "x"+strings.Repeat("字", maxMessage), time.Now())[0].Message
	if len(got) > maxMessage || len(got) < maxMessage-3 || strings.Trim(got, "x字") != "" {
		t.Errorf("a message of %d bytes, want at most %d and whole characters", len(got), maxMessage)
	}
}
