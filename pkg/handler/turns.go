// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"strings"
	"sync"
)

// callerOf takes the ServiceAccounts of a namespace for one user, since who may create one may create many. Those of
// kube-system are controllers, which are told apart.
func callerOf(username, namespace string) caller {
	if account, ok := strings.CutPrefix(username, "system:serviceaccount:"); ok {
		if home, _, _ := strings.Cut(account, ":"); home != "kube-system" {
			username = "system:serviceaccount:" + home
		}
	}
	return caller{user: username, namespace: namespace}
}

// turns are how many reviews are looked at at a time, and a bounded line of those that wait. It is served user by user,
// and for each user namespace by namespace: a user with many reviews waits for himself, and so does a tenant who makes
// a controller send them.
type turns struct {
	concurrent, queued int

	mu      sync.Mutex
	taken   int
	waiting line
}

// take takes a turn if there is one, without waiting.
func (t *turns) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken == t.concurrent {
		return false
	}
	t.taken++
	return true
}

// giveBack passes a turn to the next who waits.
func (t *turns) giveBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting.count == 0 {
		t.taken--
		return
	}
	t.waiting.next().end(true)
}

// queue waits in line, if there is no turn by now. When there are too many, the newest of the user who has the most
// loses its place, which may be this one.
func (t *turns) queue(of caller) *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &waiter{caller: of, ready: make(chan struct{})}
	if t.taken < t.concurrent {
		t.taken++
		w.end(true)
		return w
	}
	t.waiting.add(w, of.user, of.namespace)
	if t.waiting.count > t.queued {
		t.remove(t.waiting.newestOfMost(of.user, of.namespace))
	}
	return w
}

// await waits for the turn. It is false if it did not come; the context says why.
func (t *turns) await(ctx context.Context, w *waiter) bool {
	select {
	case <-w.ready:
	case <-ctx.Done():
		t.drop(w)
	}
	return w.hasTurn
}

// drop takes away the place of a review that still waits. It is false if that does not.
func (t *turns) drop(w *waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.ready:
		return false
	default:
		t.remove(w)
		return true
	}
}

func (t *turns) remove(w *waiter) {
	t.waiting.remove(w, w.user, w.namespace)
	w.end(false)
}
