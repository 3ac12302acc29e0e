// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"testing"
	"time"
)

// A distrusted CA leaves every live bundle, whatever the rules for others are, and never because something is missing.
func TestDistrustedLeaves(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	other := NewBundle(newCA(t, "other", noon().Add(time.Hour)).cert)
	stolen := newCA(t, "stolen", noon().Add(time.Hour)).cert
	bad := NewBundle(stolen)
	fingerprints := []string{Fingerprint(stolen)}
	exact := Policy{Bundle: ours, Exact: true, Distrusted: fingerprints}
	union := Policy{Bundle: ours, Distrusted: fingerprints}
	for name, tc := range map[string]struct {
		live   Bundle
		policy Policy
		want   Bundle
		reason string
		urgent bool
	}{
		"beside ours":                    {ours.Union(bad), exact, ours, reasonDistrusted, false},
		"beside ours, union":             {ours.Union(bad), union, ours, reasonDistrusted, false},
		"beside ours and another":        {ours.Union(bad).Union(other), exact, ours.Union(other), reasonDistrusted, false},
		"beside ours and another, union": {ours.Union(bad).Union(other), union, ours.Union(other), reasonDistrusted, false},
		"alone":                          {bad, exact, ours, reasonDiffers, true},
		"alone, union":                   {bad, union, ours, reasonDiffers, true},
	} {
		t.Run(name, func(t *testing.T) {
			live := webhooks(t, tc.live.PEM())
			d, err := decideOf(ourScope(), live, tc.policy)
			if err != nil {
				t.Fatal(err)
			}
			got := listField(patched(t, live, d).Object, "webhooks")[1]
			if !bytes.Equal(caBundle(mapField(got, "clientConfig")), tc.want.PEM()) {
				t.Errorf("writes %v, want %s", got, tc.want.Describe())
			}
			if d.reason != tc.reason || d.urgent != tc.urgent || d.unknown {
				t.Errorf("reason %s, urgent %t, unknown %t", d.reason, d.urgent, d.unknown)
			}
		})
	}
}

// An unknown CA in one entry does not hold up the removal of a distrusted one in another.
func TestDistrustedDoesNotWaitForTheUnknown(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	unknown := NewBundle(newCA(t, "unknown", noon().Add(time.Hour)).cert)
	stolen := newCA(t, "stolen", noon().Add(time.Hour)).cert
	p := Policy{Bundle: ours, Exact: true, Distrusted: []string{Fingerprint(stolen)}}
	live := webhooks(t, ours.Union(unknown).PEM(), ours.Union(NewBundle(stolen)).PEM())
	d, err := decideOf(ourScope(), live, p)
	if err != nil || d.patch == nil || d.unknown {
		t.Errorf("error %v, unknown %t: it waits for a quarter of an hour", err, d.unknown)
	}
}
