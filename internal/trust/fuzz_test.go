// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// FuzzBundleAlgebra: replicas that read the same bundles in any order, any number of times, and drop what has expired
// before or after, come to the same bytes.
func FuzzBundleAlgebra(f *testing.F) {
	old := NewBundle(newCA(f, "old", noon()).cert)
	a := NewBundle(newCA(f, "a", noon().Add(time.Hour)).cert)
	b := NewBundle(newCA(f, "b", noon().Add(2*time.Hour)).cert)
	f.Add(a.PEM(), b.PEM(), old.PEM(), int64(0))
	f.Add(a.Union(old).PEM(), a.PEM(), []byte("garbage"), int64(1))
	f.Add(slices.Concat(b.PEM(), a.PEM(), b.PEM()), a.Union(b).PEM(), []byte(nil), int64(3601))
	f.Add(a.PEM()[:200], old.PEM(), slices.Concat([]byte("# text\n"), b.PEM()), int64(-3600))
	f.Fuzz(func(t *testing.T, first, second, third []byte, seconds int64) {
		// The errors are for others to judge; what could be read is a bundle in any case.
		x, _ := ParseBundle(first)
		y, _ := ParseBundle(second)
		z, _ := ParseBundle(third)
		now := noon().Add(time.Duration(seconds%(1<<31)) * time.Second)
		same := func(law string, l, r Bundle) {
			t.Helper()
			if !l.Equal(r) || !bytes.Equal(l.PEM(), r.PEM()) {
				t.Errorf("%s: %s and %s", law, l.Describe(), r.Describe())
			}
		}
		same("union is commutative", x.Union(y), y.Union(x))
		same("union is associative", x.Union(y).Union(z), x.Union(y.Union(z)))
		same("union is idempotent", x.Union(y).Union(y), x.Union(y))
		same("the empty bundle is neutral", x.Union(Bundle{}), x)
		same("prune is idempotent", x.Prune(now).Prune(now), x.Prune(now))
		same("prune goes through union", x.Union(y).Prune(now), x.Prune(now).Union(y.Prune(now)))
		same("prune only takes away", x.Prune(now).Union(x), x)
		for _, kept := range x.Prune(now).Certificates() {
			if kept.NotAfter.Before(now) {
				t.Errorf("kept what expired at %s, at %s", kept.NotAfter, now)
			}
		}
		for _, policy := range []Policy{{Bundle: x}, {Bundle: x, Exact: true}} {
			once, reason, _ := want(second, policy, now)
			if len(once) > MaxBundleBytes {
				continue
			}
			if written, _ := ParseBundle(once); reason != reasonSurplus && !y.Prune(now).Without(written).Empty() {
				t.Errorf("exact %t: what is missing takes something away with it", policy.Exact)
			}
			twice, _, _ := want(once, policy, now)
			if again, _, _ := want(twice, policy, now); !bytes.Equal(again, twice) {
				t.Errorf("exact %t: writes %d bytes, then %d, then %d", policy.Exact, len(once), len(twice), len(again))
			}
		}
	})
}
