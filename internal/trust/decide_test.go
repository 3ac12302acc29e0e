// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// webhooks makes a live configuration with one webhook for each bundle, all of them ours; before them is one which
// is not, with garbage for a bundle.
func webhooks(t testing.TB, bundles ...[]byte) *unstructured.Unstructured {
	t.Helper()
	const foreign = `
metadata: {name: hookstrap, uid: some-uid, resourceVersion: "7", labels: {keep: me}}
webhooks:
- {name: foreign, clientConfig: {caBundle: Z2FyYmFnZQ==, service: {namespace: apps, name: db}}}
`
	text := foreign
	for i, b := range bundles {
		text += fmt.Sprintf("- {name: w%d, clientConfig: {caBundle: %q, service: {namespace: apps, name: web}}}\n",
			i, base64.StdEncoding.EncodeToString(b))
	}
	return object(t, text)
}

func hookstrap() Target { return Target{Kind: Validating, Name: "hookstrap"} }

func ourScope() scope { return scopeOf(hookstrap()) }

func scopeOf(t Target) scope {
	return scope{target: t, service: ourService(), manager: DefaultFieldManager}
}

func TestDecide(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	theirs := NewBundle(newCA(t, "theirs", noon().Add(time.Hour)).cert)
	expired := NewBundle(newCA(t, "expired", noon().Add(-time.Hour)).cert)
	garbage := []byte("garbage")
	exact, union := Policy{Bundle: ours, Exact: true}, Policy{Bundle: ours}
	type bundles [][]byte

	for name, tc := range map[string]struct {
		live    bundles
		policy  Policy
		want    bundles // in the entries of ours afterwards; nil for no request
		entries []string
		reason  string
	}{
		"no policy":                {bundles{nil}, Policy{}, nil, nil, ""},
		"empty exact policy":       {bundles{theirs.PEM()}, Policy{Exact: true}, nil, nil, ""},
		"no entry":                 {bundles{}, exact, nil, nil, ""},
		"right":                    {bundles{ours.PEM(), ours.PEM()}, exact, nil, nil, ""},
		"right, and more":          {bundles{ours.Union(theirs).PEM()}, union, nil, nil, ""},
		"empty":                    {bundles{nil}, exact, bundles{ours.PEM()}, []string{"w0"}, "empty"},
		"empty, union":             {bundles{nil}, union, bundles{ours.PEM()}, []string{"w0"}, "empty"},
		"garbage":                  {bundles{garbage}, exact, bundles{ours.PEM()}, []string{"w0"}, "garbage"},
		"garbage, union":           {bundles{garbage}, union, bundles{ours.PEM()}, []string{"w0"}, "garbage"},
		"garbage behind":           {bundles{append(theirs.PEM(), "-----BEGIN x"...)}, union, bundles{ours.Union(theirs).PEM()}, []string{"w0"}, "garbage"},
		"theirs, exact":            {bundles{theirs.PEM()}, exact, bundles{ours.Union(theirs).PEM()}, []string{"w0"}, "differs"},
		"theirs, union":            {bundles{theirs.PEM()}, union, bundles{ours.Union(theirs).PEM()}, []string{"w0"}, "differs"},
		"too much, exact":          {bundles{ours.Union(theirs).PEM()}, exact, bundles{ours.PEM()}, []string{"w0"}, "surplus"},
		"too much, and too little": {bundles{ours.Union(theirs).PEM(), nil}, exact, bundles{ours.PEM(), ours.PEM()}, []string{"w0", "w1"}, "surplus"},
		"expired leaves":           {bundles{ours.Union(expired).PEM()}, union, bundles{ours.PEM()}, []string{"w0"}, "differs"},
		"all expired":              {bundles{nil}, Policy{Bundle: expired}, nil, nil, ""},
		"same CA, other bytes":     {bundles{append([]byte("# ours\n"), ours.PEM()...)}, exact, bundles{ours.PEM()}, []string{"w0"}, "differs"},
		"one of two":               {bundles{ours.PEM(), garbage}, exact, bundles{ours.PEM(), ours.PEM()}, []string{"w1"}, "garbage"},
		"both":                     {bundles{nil, garbage}, exact, bundles{ours.PEM(), ours.PEM()}, []string{"w0", "w1"}, "empty"},
		"each keeps its old ones":  {bundles{theirs.PEM(), nil}, union, bundles{ours.Union(theirs).PEM(), ours.PEM()}, []string{"w0", "w1"}, "differs"},
	} {
		t.Run(name, func(t *testing.T) {
			live := webhooks(t, tc.live...)
			before := live.DeepCopy()
			d, err := decideOf(ourScope(), live, tc.policy)
			if err != nil {
				t.Fatal(err)
			}
			var want, got *unstructured.Unstructured
			if tc.want != nil {
				want, got = webhooks(t, tc.want...), patched(t, live, d)
			} else if d.patch != nil {
				t.Errorf("sends %v, want nothing", d.patch)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.entries, d.entries); diff != "" || d.reason != tc.reason {
				t.Errorf("reason %q, want %q; entries (-want +got):\n%s", d.reason, tc.reason, diff)
			}
			if diff := cmp.Diff(before, live); diff != "" {
				t.Errorf("changed the live object, which is a cache's: %s", diff)
			}
		})
	}
}

// patched is live after the patch of d, as the API server applies it.
func patched(t testing.TB, live *unstructured.Unstructured, d decision) *unstructured.Unstructured {
	t.Helper()
	before, err := json.Marshal(live.Object)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d.patch)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		t.Fatal(err)
	}
	after, err := patch.Apply(before)
	if err != nil {
		t.Fatalf("%s does not fit %s: %v", text, before, err)
	}
	return object(t, string(after))
}

// settled writes what want says until there is nothing left to do, which must be after one write, or after two where
// the first adds what is missing and the second takes out what is too much.
func settled(t *testing.T, live []byte, p Policy) []byte {
	t.Helper()
	for range 3 {
		wanted, reason, _ := want(live, p, noon())
		if bytes.Equal(wanted, live) {
			return live
		}
		have, _ := ParseBundle(live)
		if now, _ := ParseBundle(wanted); reason != reasonSurplus && !have.Prune(noon()).Without(now).Empty() {
			t.Errorf("live %q, policy %v: what is missing takes something away with it", live, p)
		}
		live = wanted
	}
	t.Errorf("policy %v: it is written for ever", p)
	return live
}

// After one write there must be nothing left to do, for any live bundle and any replica.
func TestDecideSettles(t *testing.T) {
	a := NewBundle(newCA(t, "a", noon().Add(time.Hour)).cert)
	b := NewBundle(newCA(t, "b", noon().Add(time.Hour)).cert)
	old := NewBundle(newCA(t, "old", noon().Add(-time.Hour)).cert)
	for _, live := range [][]byte{nil, []byte("garbage"), a.PEM(), b.Union(old).PEM(), append(b.PEM(), a.PEM()...)} {
		if got := settled(t, live, Policy{Bundle: a, Exact: true}); !bytes.Equal(got, a.PEM()) {
			t.Errorf("live %q: the exact policy ends with %q", live, got)
		}
		ab := settled(t, settled(t, live, Policy{Bundle: a}), Policy{Bundle: b})
		ba := settled(t, settled(t, live, Policy{Bundle: b}), Policy{Bundle: a})
		if !bytes.Equal(ab, ba) {
			t.Errorf("live %q: two replicas which see different CAs do not agree", live)
		}
	}
}

func TestDecideRefusesTooLarge(t *testing.T) {
	var all []*x509.Certificate
	for size := 0; size <= MaxBundleBytes; size += len(NewBundle(all[len(all)-1]).PEM()) {
		all = append(all, newCA(t, strings.Repeat("x", 60), noon().Add(time.Hour)).cert)
	}
	d, err := decideOf(ourScope(), webhooks(t, nil), Policy{Bundle: NewBundle(all...), Exact: true})
	if err == nil || !strings.Contains(err.Error(), "more than 1048576") {
		t.Errorf("error %v, want one which says that it is too large", err)
	}
	if d.patch != nil {
		t.Error("it is written nevertheless")
	}
}
