// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/x509"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func fourCAs(t testing.TB) []*x509.Certificate {
	t.Helper()
	var certs []*x509.Certificate
	for _, name := range []string{"a", "b", "c", "d"} {
		certs = append(certs, newCA(t, name, noon().Add(time.Hour)).cert)
	}
	return certs
}

// subsets returns the bundles of all subsets.
func subsets(certs []*x509.Certificate) []Bundle {
	var all []Bundle
	for mask := range 1 << len(certs) {
		var members []*x509.Certificate
		for i, c := range certs {
			if mask&(1<<i) != 0 {
				members = append(members, c)
			}
		}
		all = append(all, NewBundle(members...))
	}
	return all
}

func TestUnionLaws(t *testing.T) {
	all := subsets(fourCAs(t))
	for _, a := range all {
		if !a.Union(a).Equal(a) {
			t.Errorf("not idempotent: %s", a.Describe())
		}
		if !a.Union(Bundle{}).Equal(a) || !(Bundle{}).Union(a).Equal(a) {
			t.Errorf("the empty bundle changes a union: %s", a.Describe())
		}
		for _, b := range all {
			if !bytes.Equal(a.Union(b).PEM(), b.Union(a).PEM()) {
				t.Errorf("not commutative: %s and %s", a.Describe(), b.Describe())
			}
			for _, c := range all {
				if !a.Union(b).Union(c).Equal(a.Union(b.Union(c))) {
					t.Errorf("not associative: %s, %s, %s", a.Describe(), b.Describe(), c.Describe())
				}
			}
		}
	}
}

func TestSubsetsAreToldApart(t *testing.T) {
	all := subsets(fourCAs(t))
	for i, a := range all {
		for j, b := range all {
			if a.Equal(b) != (i == j) {
				t.Errorf("subsets %d and %d: Equal = %v", i, j, a.Equal(b))
			}
			if bytes.Equal(a.PEM(), b.PEM()) != (i == j) {
				t.Errorf("subsets %d and %d: equal PEM = %v", i, j, i != j)
			}
		}
	}
}

func TestSameBytesForEveryOrder(t *testing.T) {
	certs := fourCAs(t)
	want := NewBundle(certs...).PEM()
	for range 50 {
		shuffled := slices.Concat(certs, certs[:2], []*x509.Certificate{nil})
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := NewBundle(shuffled...).PEM(); !bytes.Equal(got, want) {
			t.Fatalf("another order, duplicates or a nil gave other bytes:\n%s\nwant:\n%s", got, want)
		}
	}
}

func TestPrune(t *testing.T) {
	past := newCA(t, "past", noon().Add(-time.Second)).cert
	last := newCA(t, "last second", noon()).cert
	future := newCA(t, "future", noon().Add(time.Hour)).cert
	all := NewBundle(past, last, future)

	if got, want := all.Prune(noon()), NewBundle(last, future); !got.Equal(want) {
		t.Errorf("pruned to %s, want %s", got.Describe(), want.Describe())
	}
	if all.Len() != 3 {
		t.Errorf("Prune changed its receiver: %s", all.Describe())
	}
	if got := all.Prune(noon().Add(-48 * time.Hour)); !got.Equal(all) {
		t.Errorf("dropped what is not valid yet: %s", got.Describe())
	}
}

func TestContainsAndLen(t *testing.T) {
	certs := fourCAs(t)
	b := NewBundle(certs[:2]...)
	for i, c := range certs {
		if b.Contains(c) != (i < 2) {
			t.Errorf("Contains(%d) = %v", i, b.Contains(c))
		}
	}
	if b.Contains(nil) || b.Len() != 2 || b.Empty() || !(Bundle{}).Empty() {
		t.Errorf("Contains(nil) = %v, Len = %d, Empty = %v", b.Contains(nil), b.Len(), b.Empty())
	}
}

func TestCertificatesAreTheCallers(t *testing.T) {
	b := NewBundle(fourCAs(t)...)
	before := b.PEM()
	clear(b.Certificates())
	if !bytes.Equal(b.PEM(), before) {
		t.Error("the bundle changed with the slice it had handed out")
	}
}

func TestNotAfter(t *testing.T) {
	first, last := noon().Add(time.Hour), noon().Add(2*time.Hour)
	b := NewBundle(newCA(t, "last", last).cert, newCA(t, "first", first).cert)
	if !b.NotAfter().Equal(last) {
		t.Errorf("NotAfter = %s, want %s", b.NotAfter(), last)
	}
	if !(Bundle{}).NotAfter().IsZero() {
		t.Error("the empty bundle expires some day")
	}
}
