// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// someCAs are bundles of one CA each, by name.
func someCAs(t *testing.T, names ...string) map[string]Bundle {
	t.Helper()
	all := map[string]Bundle{}
	for _, name := range names {
		all[name] = NewBundle(newCA(t, name, noon().Add(time.Hour)).cert)
	}
	return all
}

// TestWhatIsTooMuchLeavesLate: an unknown CA, which another replica may serve, after 15 minutes; a retired one after
// seconds, without the unknown one beside it.
func TestWhatIsTooMuchLeavesLate(t *testing.T) {
	ca := someCAs(t, "ours", "retired", "unknown")
	w := newWorking(Policy{Bundle: ca["ours"], Exact: true})
	w.worker.policy = retired(ca)
	w.view.set(w.live(t, "installer", ca["ours"].Union(ca["unknown"]).Union(ca["retired"])))
	w.wants(t, "the retired one", surplusDelay, 1)
	w.has(t, "after moments", ca["ours"].Union(ca["unknown"]))
	w.wants(t, "the unknown one", unknownDelay-surplusDelay, 1)
	w.has(t, "after a rollout", ca["ours"])
}

// retired is a policy with one CA, which had another one before.
func retired(ca map[string]Bundle) func() (Policy, int) {
	return func() (Policy, int) {
		return Policy{Bundle: ca["ours"], Exact: true, known: ca["retired"], published: ca["ours"].Union(ca["retired"])}, 1
	}
}

// TestARepairTakesNothingAway: what is missing in one entry is put back at once, and what is too much in the others, and
// in entries that are no longer ours, leaves as late as without that.
func TestARepairTakesNothingAway(t *testing.T) {
	ca := someCAs(t, "ours", "retired", "unknown")
	ours := ca["ours"]
	w := newWorking(Policy{Bundle: ours, Exact: true})
	w.worker.policy = retired(ca)
	full := ours.Union(ca["retired"]).Union(ca["unknown"])
	live := w.live(t, DefaultFieldManager, full, Bundle{}, ours)
	mapField(listField(live.Object, "webhooks")[3], "clientConfig")["service"] = map[string]any{"namespace": "apps", "name": "new"}
	w.called["w2"] = "apps/web"
	w.view.set(live)
	if w.step(t.Context()); w.writes != 1 {
		t.Fatalf("%d writes at once, want 1", w.writes)
	}
	w.has(t, "at once", full, ours, ours)
	w.wants(t, "the retired one", surplusDelay, 1)
	w.has(t, "after moments", ours.Union(ca["unknown"]), ours, ours)
	w.wants(t, "the rest", unknownDelay-surplusDelay, 1)
	w.has(t, "after a rollout", ours, ours, Bundle{})
	w.wants(t, "right", 0, 0)
}

// TestEachUnknownCAHasItsTime: one that appears when another has nearly waited for long enough waits as long as that
// one did, and does not hold it up.
func TestEachUnknownCAHasItsTime(t *testing.T) {
	ca := someCAs(t, "ours", "x", "z")
	w := newWorking(Policy{Bundle: ca["ours"], Exact: true})
	x, z := ca["ours"].Union(ca["x"]), ca["ours"].Union(ca["z"])
	w.view.set(w.live(t, "installer", x))
	w.step(t.Context())
	const before = 10 * time.Second
	w.clock.Step(unknownDelay - before)
	w.view.set(w.live(t, "another", x.Union(z)))
	w.wants(t, "the first", before, 1)
	w.has(t, "after the first", z)
	w.wants(t, "the second", unknownDelay-before, 1)
	w.has(t, "after the second", ca["ours"])
}

// TestAFightKeepsNoCA: an entry that is emptied, and an unknown CA that is new, again and again do not keep the CA that
// was there before.
func TestAFightKeepsNoCA(t *testing.T) {
	ca := someCAs(t, "ours", "x")
	w := newWorking(Policy{Bundle: ca["ours"], Exact: true})
	live := ca["ours"].Union(ca["x"])
	for minute := range 20 {
		name := fmt.Sprint("new ", minute)
		w.view.set(w.live(t, name, live.Union(someCAs(t, name)[name]), Bundle{}))
		for w.clock.Since(noon()) < time.Duration(minute+1)*time.Minute {
			w.step(t.Context())
			w.clock.Step(5 * time.Second)
		}
		live, _ = ParseBundle([]byte(w.bundle("w0")))
		if stays := minute < 15; live.Contains(ca["x"].Certificates()[0]) != stays {
			t.Fatalf("after minute %d the CA is there: %t, want %t", minute, !stays, stays)
		}
	}
}

// TestTheTimeBeginsWhenNothingIsMissing: a rollout goes on when all entries trust the new replica, so that a CA which the
// old ones serve stays for as long from then, however long nothing could be written.
func TestTheTimeBeginsWhenNothingIsMissing(t *testing.T) {
	ca := someCAs(t, "ours", "old")
	w := newWorking(Policy{Bundle: ca["ours"], Exact: true})
	w.view.set(w.live(t, "installer", ca["ours"].Union(ca["old"]), ca["old"]))
	w.hold = func(types.UID) time.Duration { return time.Hour }
	w.wants(t, "what is missing", time.Hour, 1)
	w.hold = nil
	w.has(t, "an hour later", ca["ours"].Union(ca["old"]), ca["ours"].Union(ca["old"]))
	w.wants(t, "the old one", unknownDelay, 1)
	w.has(t, "after a rollout", ca["ours"], ca["ours"])
}

// TestADeletedObjectIsForgotten: what was in an object that was deleted says nothing of the next one of that name.
func TestADeletedObjectIsForgotten(t *testing.T) {
	ca := someCAs(t, "ours", "x")
	w := newWorking(Policy{Bundle: ca["ours"], Exact: true})
	w.view.set(w.live(t, "installer", ca["ours"].Union(ca["x"])))
	w.step(t.Context())
	w.view.set(nil)
	w.step(t.Context())
	w.clock.Step(unknownDelay)
	w.view.set(w.live(t, "another", ca["ours"].Union(ca["x"])))
	w.wants(t, "the next", unknownDelay, 1)
}
