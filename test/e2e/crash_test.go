// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// crashPatience is for one start of the server, on a machine that has other things to do.
const crashPatience = 60 * time.Second

// story is something that happens to a server, and that a crash may interrupt at each of its writes.
type story struct {
	name string
	// trigger sets it off in a server that is ready; nil is the story of the bootstrap itself.
	trigger func(t *testing.T, m *mortal, server *process.Server)
	// finished blocks until it has ended without a crash.
	finished func(t *testing.T, m *mortal, server *process.Server)
	// settled, unless nil, says whether it has been brought to its end after a crash and a start.
	settled func(ctx context.Context, m *mortal) error
	// newCAs is how many CAs it adds. Where it adds none, the one that there is outlives every crash.
	newCAs int
}

// stories are what the crash matrix is made of: each is run once undisturbed, which records its writes, and then once
// more for each write, moment and way to start again.
func stories() []story {
	return []story{
		{
			name:     "bootstrap",
			finished: awaitsPhase("ready", 1),
		},
		{
			name: "renewal",
			trigger: func(t *testing.T, _ *mortal, server *process.Server) {
				t.Helper()
				must(t, server.Signal(syscall.SIGHUP))
			},
			finished: awaitsPhase("served", 2),
		},
		{
			name: "rotation",
			trigger: func(t *testing.T, m *mortal, _ *process.Server) {
				t.Helper()
				askForRotation(t, m.Site, "once")
			},
			finished: func(t *testing.T, m *mortal, _ *process.Server) {
				t.Helper()
				clustertest.EventuallyWithin(t, crashPatience, func(ctx context.Context) error { return rotated(ctx, m) })
			},
			settled: rotated,
			newCAs:  1,
		},
	}
}

// rotated: the successor signs and what is served is of it. The old CA is trusted for as long as what it signed lives.
func rotated(ctx context.Context, m *mortal) error {
	if err := m.trusts(ctx, 2); err != nil {
		return err
	}
	signing, err := signingCA(ctx, m.Site)
	if err != nil {
		return err
	}
	leaf, err := m.presented(ctx)
	if err != nil {
		return err
	}
	return leaf.CheckSignatureFrom(signing)
}

// awaitsPhase is for stories that end with a phase of the bootstrap.
func awaitsPhase(name string, nth int) func(*testing.T, *mortal, *process.Server) {
	return func(t *testing.T, _ *mortal, server *process.Server) {
		t.Helper()
		awaitPhase(t, server, name, nth)
	}
}

// cut is where a story is interrupted.
type cut struct {
	// write is what [describeWrite] says, nth which of several alike, counted from 1.
	write  string
	nth    int
	moment moment
}

func (c cut) String() string { return fmt.Sprintf("%s %s %d", c.moment, c.write, c.nth) }

// cuts are both moments of each write. Writes are told apart by what they write and not by their place: some of them
// are under way at the same time.
func cuts(writes []string) []cut {
	var all []cut
	nth := map[string]int{}
	for _, write := range writes {
		nth[write]++
		for _, moment := range []moment{beforeIt, afterIt} {
			all = append(all, cut{write: write, nth: nth[write], moment: moment})
		}
	}
	return all
}

// TestCrashAtEveryWrite kills the real server with SIGKILL at every write of each story, once before the API server
// sees it and once before the server sees the answer, and starts it again, with and without what it had stored.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	shipped, err := site.Render(t.Context(), shared, "manifests")
	must(t, err)
	for _, story := range stories() {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			writes := story.record(t, &shipped)
			t.Logf("%d writes: %v", len(writes), writes)
			for _, at := range cuts(writes) {
				for _, keep := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s, cert-dir %t", at, keep), func(t *testing.T) {
						t.Parallel()
						story.crash(t, &shipped, at, keep)
					})
				}
			}
		})
	}
}

// record runs the story without a crash and returns its writes.
func (s story) record(t *testing.T, shipped *site.Shipped) []string {
	t.Helper()
	m := newMortal(t, shipped)
	server := m.start(t, true)
	if s.trigger != nil {
		awaitPhase(t, server, "ready", 1)
		m.proxy.intervene(nil)
		s.trigger(t, m, server)
	}
	s.finished(t, m, server)
	m.wantSound(t, 1+s.newCAs, 0)
	server.Kill()
	if len(m.proxy.recorded()) == 0 {
		t.Fatal("the story writes nothing")
	}
	return m.proxy.recorded()
}

// crash kills the server at one write and wants the next one to put everything right.
func (s story) crash(t *testing.T, shipped *site.Shipped, at cut, keep bool) {
	t.Helper()
	m := newMortal(t, shipped)
	var victim atomic.Pointer[process.Server]
	started := make(chan struct{})
	if s.trigger == nil {
		m.proxy.killAt(&victim, started, at)
	}
	victim.Store(m.start(t, keep))
	close(started)
	if s.trigger != nil {
		awaitPhase(t, victim.Load(), "ready", 1)
		m.proxy.killAt(&victim, started, at)
		s.trigger(t, m, victim.Load())
	}
	select {
	case <-victim.Load().Exited():
	case <-time.After(crashPatience):
		t.Fatalf("there was no write %q to be killed at, only %v", at, m.proxy.recorded())
	}
	m.proxy.intervene(nil)
	left := secretsOf(t, m.Site)
	awaitPhase(t, m.start(t, keep), "ready", 1)
	if s.settled != nil {
		clustertest.EventuallyWithin(t, crashPatience, func(ctx context.Context) error { return s.settled(ctx, m) })
	}
	m.wantSound(t, 1+s.newCAs, 1)
	if now := secretsOf(t, m.Site); s.newCAs == 0 && len(left) > 0 && !maps.EqualFunc(now, left, bytes.Equal) {
		t.Error("the CA that the crash had left was replaced by another")
	}
}

// TestCrashAgainAndAgain kills one server after the other in the same site, each at another write of the bootstrap, so
// that every one of them finds what all before it have left.
func TestCrashAgainAndAgain(t *testing.T) {
	t.Parallel()
	m := newMortal(t, nil)
	all := cuts(stories()[0].record(t, &m.Shipped))
	kills := 0
	for _, at := range all {
		var victim atomic.Pointer[process.Server]
		started := make(chan struct{})
		m.proxy.killAt(&victim, started, at)
		victim.Store(m.start(t, false))
		close(started)
		if endsBeforeReady(t, victim.Load()) {
			kills++
		}
		victim.Load().Kill() // What is there already is not written again, so not every cut comes to pass.
	}
	m.proxy.intervene(nil)
	awaitPhase(t, m.start(t, false), "ready", 1)
	m.wantSound(t, 1, kills)
	if least := len(all) / 2; kills < least {
		t.Errorf("%d of %d servers were killed, want %d at least", kills, len(all), least)
	}
}

// endsBeforeReady waits for the server to be killed, or to become ready.
func endsBeforeReady(t *testing.T, server *process.Server) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), crashPatience)
	defer cancel()
	_, err := server.AwaitPhase(ctx, "ready", 1)
	select {
	case <-server.Exited():
		return true
	default:
		must(t, err)
		return false
	}
}
