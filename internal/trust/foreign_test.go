// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An entry that calls anything but our Service is foreign, whatever its caBundle is; and of a URL nothing is shown that
// may be a secret.
func TestForeignEntries(t *testing.T) {
	live := object(t, `
metadata: {name: hookstrap}
webhooks:
- {name: ours, clientConfig: {service: {namespace: apps, name: web}}}
- {name: elsewhere, clientConfig: {service: {namespace: other, name: web}}}
- {name: outside, clientConfig: {url: "https://user:password@thief.example:444/path?token=secret"}}
- {name: garbage, clientConfig: {url: "https://%zz"}}
- {name: nothing}
`)
	want := []ForeignEntry{
		{"elsewhere", "other/web"}, {"outside", "https://thief.example:444"}, {"garbage", "a URL that cannot be read"},
		{"nothing", "/"},
	}
	if diff := cmp.Diff(want, ourScope().foreign(live)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	crd := scopeOf(Target{Kind: CRD, Name: "things.example.com"})
	if got := crd.foreign(live); got != nil {
		t.Errorf("a CRD has foreign entries: %v", got)
	}
	if got := ourScope().foreign(nil); got != nil {
		t.Errorf("an absent configuration has foreign entries: %v", got)
	}
}

// Which entries are foreign is told once it is known by which names we can be called: until then one that calls us by URL
// would be told as foreign.
func TestForeignEntriesWaitForTheNames(t *testing.T) {
	i := newInjector(t, hookstrap())
	var told [][]ForeignEntry
	w := &worker{view: i.views[0], scope: i.scope(hookstrap()), named: i.goal.knowsNames,
		observer: Observer{Foreign: func(_ Target, entries []ForeignEntry) { told = append(told, entries) }}}
	if err := w.view.Add(object(t, `
metadata: {name: hookstrap}
webhooks:
- {name: laptop, clientConfig: {url: "https://hooks.example.com:7443"}}
- {name: elsewhere, clientConfig: {service: {namespace: other, name: web}}}
`)); err != nil {
		t.Fatal(err)
	}
	w.tellForeign(t.Context(), w.view.get())
	if len(told) != 0 {
		t.Fatalf("told %v before the names were known", told)
	}
	i.SetNames([]string{"hooks.example.com"})
	w.tellForeign(t.Context(), w.view.get())
	w.tellForeign(t.Context(), w.view.get())
	want := [][]ForeignEntry{{{"elsewhere", "other/web"}}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
