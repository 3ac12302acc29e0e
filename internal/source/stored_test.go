// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"strings"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// TestStoredPair: what can be served is, and what would be asked for differently today is replaced.
func TestStoredPair(t *testing.T) {
	const serverName, other = "web.shop.svc", "example.com/serving"
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	profile, err := signer.Lookup(signer.BuiltIn)
	if err != nil {
		t.Fatal(err)
	}
	spec := csr.Spec{Profile: profile, Identity: identity.Identity{DNSNames: []string{serverName, "extra.example.com"}}}
	both := spec.Identity.DNSNames
	for name, tc := range map[string]struct {
		names    []string
		age      time.Duration // of a certificate that lives 100 hours
		origin   string
		unusable string
		outdated string
	}{
		"as it would be now":   {names: both, age: time.Hour, origin: signer.BuiltIn},
		"nobody noted by whom": {names: both, age: time.Hour},
		"lacks a name":         {names: []string{serverName}, age: time.Hour, outdated: "extra.example.com"},
		"of another signer":    {names: both, age: time.Hour, origin: other, outdated: other},
		"due":                  {names: both, age: 91 * time.Hour, origin: signer.BuiltIn, outdated: "due for renewal"},
		"expired":              {names: both, age: 101 * time.Hour, unusable: "expired", outdated: "due for renewal"},
		"not valid yet":        {names: both, age: -time.Hour, unusable: "not valid before"},
		"of another Service": {names: []string{"other.shop.svc"}, age: time.Hour,
			unusable: serverName, outdated: serverName},
		"lacks the only one asked": {names: []string{"extra.example.com"}, age: time.Hour,
			unusable: serverName, outdated: serverName},
	} {
		t.Run(name, func(t *testing.T) {
			pair, now := pairs.Lasting(t, issued, issued.Add(100*time.Hour), tc.names), issued.Add(tc.age)
			if got := unusable(pair, serverName, now); !says(got, tc.unusable) {
				t.Errorf("unusable: %q, want %q", got, tc.unusable)
			}
			if got := outdated(pair, tc.origin, spec, now); !says(got, tc.outdated) {
				t.Errorf("outdated: %q, want %q", got, tc.outdated)
			}
		})
	}
}

// says compares a reason with the words that it has to have; none means that there is no reason.
func says(reason, words string) bool {
	return (reason == "") == (words == "") && strings.Contains(reason, words)
}
