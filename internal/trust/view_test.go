// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"testing"
	"time"
)

func TestBroadcastWakesAllAndOnlyOnce(t *testing.T) {
	var b broadcast
	b.announce() // no one waits: nothing to do, and nothing to remember
	first, same := b.next(), b.next()
	if first != same {
		t.Error("two waiters for one change wait for two")
	}
	select {
	case <-first:
		t.Fatal("woken without a change")
	default:
	}
	b.announce()
	<-first
	select {
	case <-b.next():
		t.Error("the next waiter is woken by the last change")
	default:
	}
}

// An error which stays the same must neither be logged again nor wake the worker, which would retry at once.
func TestViewTellsNewsFromRepetition(t *testing.T) {
	v := &view{changes: &broadcast{}, now: time.Now}
	for step, tc := range []struct {
		err  error
		news bool
	}{
		{nil, false}, {errors.New("a"), true}, {errors.New("a"), false}, {errors.New("b"), true}, {nil, true}, {nil, false},
	} {
		changed := v.changes.next()
		if got := v.setWatchErr(tc.err); got != tc.news {
			t.Errorf("step %d: news = %v, want %v", step, got, tc.news)
		}
		woken := false
		select {
		case <-changed:
			woken = true
		default:
		}
		if woken != tc.news {
			t.Errorf("step %d: woken = %v, want %v", step, woken, tc.news)
		}
	}
}

// A worker is woken by its own target and by a new policy, and not by the other targets.
func TestWorkersSleepWhileOthersChange(t *testing.T) {
	i := &Injector{}
	first, second := &view{changes: &i.changes, now: time.Now}, &view{changes: &i.changes, now: time.Now}
	i.views = []*view{first, second}
	woken := func(changed <-chan struct{}) bool {
		select {
		case <-changed:
			return true
		default:
			return false
		}
	}
	worker, waiter := first.own.next(), i.changes.next()
	second.set(nil)
	if woken(worker) || !woken(waiter) {
		t.Error("another target woke the worker, or did not wake who waits for all")
	}
	if first.set(nil); !woken(worker) {
		t.Error("its own target did not wake the worker")
	}
	worker = first.own.next()
	if i.Publish(Policy{}); !woken(worker) {
		t.Error("a policy did not wake the worker")
	}
}
