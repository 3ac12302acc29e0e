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
			if d.reason != tc.reason || d.urgent != tc.urgent {
				t.Errorf("reason %s, urgent %t", d.reason, d.urgent)
			}
		})
	}
}

// An unknown CA in one entry does not hold up the removal of a distrusted one in another, and does not leave with it.
func TestDistrustedDoesNotWaitForTheUnknown(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	unknown := NewBundle(newCA(t, "unknown", noon().Add(time.Hour)).cert)
	stolen := newCA(t, "stolen", noon().Add(time.Hour)).cert
	p := Policy{Bundle: ours, Exact: true, Distrusted: []string{Fingerprint(stolen)}}
	w := newWorking(p)
	w.view.set(w.live(t, "installer", ours.Union(unknown), ours.Union(NewBundle(stolen))))
	w.wants(t, "the distrusted one", surplusDelay, 1)
	w.has(t, "after moments", ours.Union(unknown), ours)
	w.wants(t, "the unknown one", unknownDelay-surplusDelay, 1)
	w.has(t, "after a rollout", ours, ours)
}

// What another manager insists on stays beside a distrusted CA that is to leave in a moment.
func TestDistrustedLeavesWhatIsInsistedOn(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	theirs := NewBundle(newCA(t, "theirs", noon().Add(time.Hour)).cert)
	stolen := newCA(t, "stolen", noon().Add(time.Hour)).cert
	w := newWorking(Policy{Bundle: ours, Exact: true, Distrusted: []string{Fingerprint(stolen)}})
	live := w.live(t, "cainjector", ours.Union(theirs).Union(NewBundle(stolen)))
	live.SetAnnotations(map[string]string{"cert-manager.io/inject-ca-from": "apps/web"})
	w.view.set(live)
	w.wants(t, "the distrusted one", surplusDelay, 1)
	w.has(t, "after moments", ours.Union(theirs))
	w.wants(t, "right", 0, 0)
}
