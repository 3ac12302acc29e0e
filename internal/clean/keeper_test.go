// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

func newKeeper(t *testing.T, o Options) *Keeper {
	t.Helper()
	o.Config = &rest.Config{Host: "https://127.0.0.1:1"}
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// An audit is due an interval after the last one of any replica, or at once if there is none for a policy.
func TestWhenAnAuditIsDue(t *testing.T) {
	now := time.Now()
	p, q := Policy{"p", "1"}, Policy{"q", "1"}
	at := func(ago time.Duration) Record { return Record{Audited: now.Add(-ago)} }
	for title, tt := range map[string]struct {
		policies []Policy
		stored   State
		last     time.Duration // ago, that this replica has audited; 0 for never
		due      bool
	}{
		"no policy":                       {nil, nil, 0, false},
		"nothing is known":                {[]Policy{p}, nil, 0, true},
		"audited lately":                  {[]Policy{p}, State{p: at(time.Minute)}, 0, false},
		"audited long ago":                {[]Policy{p}, State{p: at(11 * time.Minute)}, 0, true},
		"one of two is new":               {[]Policy{p, q}, State{p: at(time.Minute)}, 0, true},
		"another policy":                  {[]Policy{q}, State{p: at(time.Minute)}, 0, true},
		"by a clock that was ahead":       {[]Policy{p}, State{p: at(-time.Hour)}, 0, true},
		"damaged again and again":         {[]Policy{p}, nil, 30 * time.Second, false},
		"damaged a while after the audit": {[]Policy{p}, nil, 2 * time.Minute, true},
	} {
		t.Run(title, func(t *testing.T) {
			k := newKeeper(t, Options{Interval: 10 * time.Minute})
			k.Use(tt.policies, nil)
			k.store.read(tt.stored, true)
			if tt.last > 0 {
				k.last = now.Add(-tt.last)
			}
			if got := k.isDue(now); got != tt.due {
				t.Errorf("due: %t, want %t (at %s)", got, tt.due, k.due())
			}
		})
	}
}

// An audit that failed late has cost the API server as much as one that did not.
func TestAuditThatFailedLateIsNotBegunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t, Options{})
		k.Use([]Policy{{"p", "1"}}, func(context.Context) (Found, error) {
			<-time.After(time.Minute)
			return Found{}, apierrors.NewTooManyRequests("slow down", 1)
		})
		if delay := k.attempt(t.Context()); delay < time.Minute {
			t.Errorf("an audit of a minute that failed is begun again after %s", delay)
		}
	})
}

func TestIsNewer(t *testing.T) {
	p, q := Policy{"p", "1"}, Policy{"q", "1"}
	now := time.Now()
	old, later := Record{Audited: now}, Record{Audited: now.Add(time.Second)}
	for title, tt := range map[string]struct {
		now, before State
		want        bool
	}{
		"nothing is known":         {nil, nil, false},
		"the same":                 {State{p: old, q: old}, State{p: old, q: old}, false},
		"one of two":               {State{p: later, q: old}, State{p: old, q: old}, false},
		"both":                     {State{p: later, q: later}, State{p: old, q: old}, true},
		"both, for the first time": {State{p: later, q: later}, nil, true},
	} {
		t.Run(title, func(t *testing.T) {
			if got := tt.now.isNewer(tt.before, []Policy{p, q}); got != tt.want {
				t.Errorf("newer: %t", got)
			}
		})
	}
}

// A server that needs nothing is ready, and stays so when a new configuration needs what is not read yet.
func TestReady(t *testing.T) {
	needs := newKeeper(t, Options{})
	needs.Use([]Policy{{"p", "1"}}, nil)
	if err := needs.Ready(t.Context()); err == nil {
		t.Error("ready before what it needs was read")
	}
	needs.see(t.Context(), nil)
	if err := needs.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	later := newKeeper(t, Options{})
	later.Use(nil, nil)
	if err := later.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	later.Use([]Policy{{"p", "1"}}, nil)
	if err := later.Ready(t.Context()); err != nil {
		t.Error("no longer ready for a configuration that is new:", err)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	k := newKeeper(t, Options{Registerer: registry})
	k.Use([]Policy{{"p", "1"}, {"q", "1"}, {"r", "1"}}, nil)
	at := time.Unix(1800000000, 0)
	k.store.read(State{
		{"p", "1"}: {Audited: at, NotClean: map[string]string{"shop": "", "attic": ""}}, {"q", "1"}: {Audited: at, Everywhere: true},
		{"p", "2"}: {Audited: at.Add(time.Hour)},
	}, true)
	err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP hookstrap_check_last_audit_timestamp_seconds When the last audit for a check in mode denyWhenClean began, by any replica, as a Unix time; 0 before the first.
# TYPE hookstrap_check_last_audit_timestamp_seconds gauge
hookstrap_check_last_audit_timestamp_seconds{check="p"} 1.8e+09
hookstrap_check_last_audit_timestamp_seconds{check="q"} 1.8e+09
hookstrap_check_last_audit_timestamp_seconds{check="r"} 0
# HELP hookstrap_check_warning_namespaces Namespaces in which a check in mode denyWhenClean warns; -1 before its first audit, and if there are too many to name.
# TYPE hookstrap_check_warning_namespaces gauge
hookstrap_check_warning_namespaces{check="p"} 2
hookstrap_check_warning_namespaces{check="q"} -1
hookstrap_check_warning_namespaces{check="r"} -1
`))
	if err != nil {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	b := Began{Namespaces: []string{"", "attic", "shop"}}
	if got, want := b.Text(2), "(objects in no namespace), attic, and 1 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := b.Text(3), "(objects in no namespace), attic, shop"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
