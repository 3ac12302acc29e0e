// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// in are namespaces, of which the UID is that of the name unless it says another one behind a slash.
func in(names ...string) map[string]types.UID {
	all := map[string]types.UID{}
	for _, text := range names {
		name, uid, other := strings.Cut(text, "/")
		if !other {
			uid = "uid-of-" + name
		}
		all[name] = types.UID(uid)
	}
	return all
}

func TestParseReadsWhatDataWrites(t *testing.T) {
	at := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	want := State{
		{"imageTag", "aa"}:     {Audited: at, NotClean: map[string]string{"shop": "1234"}, Outside: true},
		{"own.check", "bb"}:    {Audited: at, Everywhere: true},
		{"podSecurity", "cc"}:  {Audited: at},
		{"podSecurity", "cc2"}: {Audited: at.Add(time.Hour)},
	}
	data, err := want.Data()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
	const text = `{"audited":"2026-11-29T09:00:00Z","notClean":{"shop":"1234"},"notCleanOutsideNamespaces":true}`
	if data["imageTag.aa"] != text {
		t.Errorf("wrote %s", data["imageTag.aa"])
	}
}

func TestParseGoesOnAfterDamage(t *testing.T) {
	got, err := Parse(map[string]string{
		"good.aa": `{"audited":"2026-11-29T09:00:00Z","later":"field"}`, "cut.aa": `{"audited":"2026-11-`,
		"empty.aa": "", "none.aa": "null", "nodigest": "{}", ".aa": "{}", "list.aa": `{"audited":"2026-11-29T09:00:00Z","notClean":[]}`,
	})
	if len(got) != 1 || !got[Policy{"good", "aa"}].Clean("shop") {
		t.Errorf("read %v", got)
	}
	for _, key := range []string{"cut.aa", "empty.aa", "none.aa", "nodigest", ".aa", "list.aa"} {
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", key)) {
			t.Errorf("the error does not name %s: %v", key, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("imageTag.aa", `{"audited":"2026-11-29T09:00:00Z","notClean":{"shop":"1234"}}`)
	f.Add("a.b.c", "{")
	f.Fuzz(func(t *testing.T, key, value string) {
		state, err := Parse(map[string]string{key: value})
		if (err == nil) != (len(state) == 1) {
			t.Fatalf("%d records, error %v", len(state), err)
		}
		data, err := state.Data()
		if err != nil {
			return // A year beyond 9999.
		}
		if again, err := Parse(data); err != nil || len(again) != len(state) {
			t.Fatalf("cannot read what was written: %v", err)
		}
	})
}

func TestClean(t *testing.T) {
	for title, tt := range map[string]struct {
		record        Record
		shop, outside bool
	}{
		"nothing was found": {Record{}, true, true},
		"in another":        {Record{NotClean: map[string]string{"attic": "1"}}, true, true},
		"in this one":       {Record{NotClean: map[string]string{"shop": "1"}}, false, true},
		"outside":           {Record{Outside: true}, true, false},
		"everywhere":        {Record{Everywhere: true}, false, false},
	} {
		t.Run(title, func(t *testing.T) {
			if tt.record.Clean("shop") != tt.shop || tt.record.Clean("") != tt.outside {
				t.Errorf("shop: %t, outside: %t", tt.record.Clean("shop"), tt.record.Clean(""))
			}
		})
	}
}

func TestAfter(t *testing.T) {
	p, q := Policy{"imageTag", "aa"}, Policy{"imageTag", "bb"}
	start := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	audited := func(at time.Duration, names ...string) Record {
		r := Record{Audited: start.Add(at), NotClean: map[string]string{}}
		for name, uid := range in(names...) {
			r.NotClean[name] = short(uid)
		}
		return r
	}
	found := func(names ...string) map[string]sets.Set[string] {
		return map[string]sets.Set[string]{"imageTag": sets.New(names...), "other": sets.New("attic")}
	}
	for title, tt := range map[string]struct {
		before   State
		policies []Policy
		found    Found
		want     State
		began    []string
	}{
		"the first audit": {nil, []Policy{p}, Found{Namespaces: in("attic", "shop"), In: found("shop")},
			State{p: audited(time.Minute, "shop")}, []string{"attic", ""}},
		"what is gone by now": {nil, []Policy{p},
			Found{Namespaces: in("shop"), Unasked: sets.New("old-system"), In: found("attic", "shop")},
			State{p: audited(time.Minute, "shop")}, []string{""}},
		"what is mended denies": {State{p: audited(0, "attic", "shop")}, []Policy{p},
			Found{Namespaces: in("attic", "shop"), In: found("shop")}, State{p: audited(time.Minute, "shop")}, []string{"attic"}},
		"what denies goes on": {State{p: audited(0)}, []Policy{p}, Found{Namespaces: in("attic", "shop"), In: found("shop", "")},
			State{p: audited(time.Minute)}, nil},
		"a new one is clean": {State{p: audited(0, "shop")}, []Policy{p},
			Found{Namespaces: in("new", "shop"), In: found("new", "shop")}, State{p: audited(time.Minute, "shop")}, nil},
		"one that was created again is new": {State{p: audited(0, "shop")}, []Policy{p},
			Found{Namespaces: in("shop/another"), In: found("shop")}, State{p: audited(time.Minute)}, []string{"shop"}},
		"one that was deleted goes": {State{p: audited(0, "shop")}, []Policy{p}, Found{Namespaces: in("attic"), In: found("shop")},
			State{p: audited(time.Minute)}, nil},
		"one that a person named stays": {State{p: {Audited: start, NotClean: map[string]string{"shop": ""}}}, []Policy{p},
			Found{Namespaces: in("shop"), In: found("shop")}, State{p: audited(time.Minute, "shop")}, nil},
		"outside of namespaces": {State{p: {Audited: start, Outside: true, NotClean: map[string]string{}}}, []Policy{p},
			Found{Namespaces: in("shop"), In: found("")},
			State{p: {Audited: start.Add(time.Minute), Outside: true, NotClean: map[string]string{}}}, nil},
		"outside, mended": {State{p: {Audited: start, Outside: true}}, []Policy{p}, Found{Namespaces: in("shop"), In: found()},
			State{p: audited(time.Minute)}, []string{""}},
		"what is not asked about is not clean": {State{p: audited(0)}, []Policy{p},
			Found{Namespaces: in("kube-system", "shop"), Unasked: sets.New("kube-system"), In: found()},
			State{p: audited(time.Minute, "kube-system")}, nil},
		"another policy begins again": {State{p: audited(0)}, []Policy{q}, Found{Namespaces: in("shop"), In: found("shop")},
			State{p: audited(0), q: audited(time.Minute, "shop")}, []string{""}},
		"an old policy is forgotten": {State{p: audited(-2 * time.Hour), q: audited(-2 * time.Hour)}, []Policy{q},
			Found{Namespaces: in("shop"), In: found()}, State{q: audited(time.Minute)}, nil},
		"what could not be named": {State{p: {Audited: start, Everywhere: true}}, []Policy{p},
			Found{Namespaces: in("attic", "shop"), In: found("shop")}, State{p: audited(time.Minute, "shop")}, []string{"attic", ""}},
	} {
		t.Run(title, func(t *testing.T) {
			got, began := tt.before.after(tt.policies, tt.found, start.Add(time.Minute+time.Millisecond))
			var names []string
			for _, b := range began {
				names = append(names, b.Namespaces...)
				if b.Warns != len(got[b.Policy].NotClean) {
					t.Errorf("it says that it warns in %d namespaces", b.Warns)
				}
			}
			if diff := cmp.Diff(tt.want, got) + cmp.Diff(tt.began, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Very many namespaces do not fit into a ConfigMap: a check that is new warns in all of them, and one that has a longer
// list already goes on denying in the others.
func TestAfterIsBounded(t *testing.T) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d", strings.Repeat("n", 57), i)
	}
	old, first := Policy{"old", "aa"}, Policy{"first", "aa"}
	found := Found{Namespaces: in(names...), In: map[string]sets.Set[string]{
		"old": sets.New(names[:8000]...), "first": sets.New(names[:6000]...),
	}}
	before := State{old: {NotClean: map[string]string{}}}
	for _, name := range names[:8000] {
		before[old].NotClean[name] = short(found.Namespaces[name])
	}
	next, began := before.after([]Policy{old, first}, found, time.Now())
	if !next[first].Everywhere || next[first].Clean(names[9000]) || next[old].Everywhere || len(next[old].NotClean) != 8000 {
		t.Errorf("first: everywhere %t, old: %d", next[first].Everywhere, len(next[old].NotClean))
	}
	data, err := next.Data()
	size := 0
	for key, value := range data {
		size += len(key) + len(value)
	}
	if err != nil || size > 1<<20 || size < mostBytes/2 {
		t.Errorf("%d bytes, error %v", size, err)
	}
	if len(began) != 0 {
		t.Errorf("%d checks deny in more namespaces", len(began))
	}
	found.In["first"] = sets.New(names[0])
	if next, _ = next.after([]Policy{old, first}, found, time.Now()); next[first].Everywhere || next[first].Clean(names[0]) ||
		!next[first].Clean(names[1]) {
		t.Error("it is not named once there is room")
	}
}

// What is read replaces what is known; what is gone or damaged does not.
func TestStoreKeepsTheLastGoodState(t *testing.T) {
	p, q := Policy{"p", "1"}, Policy{"q", "1"}
	var s store
	if s.clean(p, "shop") {
		t.Error("clean before anything was read")
	}
	s.read(State{p: {Audited: time.Now()}, q: {NotClean: map[string]string{"shop": ""}}}, true)
	s.read(State{q: {}}, true) // p is damaged
	if !s.clean(p, "shop") || !s.clean(q, "shop") {
		t.Error("a damaged record changes what is denied, or a good one does not")
	}
	s.read(nil, false) // deleted
	if !s.clean(p, "shop") {
		t.Error("a deleted ConfigMap changes what is denied")
	}
	if s.clean(Policy{"p", "2"}, "shop") {
		t.Error("another policy is clean")
	}
	if stored, exists := s.inConfigMap(); len(stored) > 0 || exists {
		t.Error("the ConfigMap says something although it is gone")
	}
}
