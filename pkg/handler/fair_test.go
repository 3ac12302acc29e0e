// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// served steps through turns of one at a time, and returns whose it was in order.
func served(t *turns, waiters []*waiter) []caller {
	var order []caller
	for range waiters {
		t.giveBack()
		for i, w := range waiters {
			if w.hasTurn {
				order = append(order, w.caller)
				waiters = slices.Delete(slices.Clone(waiters), i, i+1)
				break
			}
		}
	}
	return order
}

func TestWhoWaitsForHimself(t *testing.T) {
	flood := caller{"mallory", "evil"}
	for name, one := range map[string]caller{
		"another user":                      {"jane", "shop"},
		"the same controller for another":   {"mallory", "shop"},
		"another user in the same place":    {"jane", "evil"},
		"a user without a name":             {"", ""},
		"a controller for cluster-wide use": {"mallory", ""},
	} {
		t.Run(name, func(t *testing.T) {
			turns := &turns{concurrent: 1, queued: 2000}
			turns.take()
			var waiters []*waiter
			for range 1000 {
				waiters = append(waiters, turns.queue(flood))
			}
			waiters = append(waiters, turns.queue(one))
			if at := slices.Index(served(turns, waiters), one); at > 1 {
				t.Errorf("it is served after %d others", at)
			}
			if turns.taken != 1 || turns.waiting.count != 0 || len(turns.waiting.below) != 0 {
				t.Errorf("left: %+v", turns)
			}
		})
	}
}

// A user of many namespaces has no more turns than others.
func TestUsersCountBeforeNamespaces(t *testing.T) {
	turns := &turns{concurrent: 1, queued: 2000}
	turns.take()
	var waiters []*waiter
	for i := range 100 {
		waiters = append(waiters, turns.queue(caller{"busy", fmt.Sprint(i)}))
	}
	for range 10 {
		waiters = append(waiters, turns.queue(caller{"jane", "shop"}))
	}
	order := served(turns, waiters)
	if n := len(slices.DeleteFunc(slices.Clone(order[:20]), func(c caller) bool { return c.user == "busy" })); n != 10 {
		t.Errorf("jane has %d of the first 20 turns, of the 10 that she wants", n)
	}
}

// When there is no room to wait, it is the newest of the user with the most that loses its place.
func TestQueueIsForAll(t *testing.T) {
	turns := &turns{concurrent: 1, queued: 100}
	turns.take()
	var flood []*waiter
	for range 200 {
		flood = append(flood, turns.queue(caller{"mallory", "evil"}))
	}
	for i, w := range flood {
		if isClosed(w.ready) != (i >= 100) {
			t.Fatalf("number %d: its place is lost: %t", i, isClosed(w.ready))
		}
	}
	one := turns.queue(caller{"jane", "shop"})
	if isClosed(one.ready) || !isClosed(flood[99].ready) || isClosed(flood[98].ready) {
		t.Error("who waits with one review has lost its place, or another one than the newest of many has")
	}
	sameUser := turns.queue(caller{"mallory", "shop"})
	if isClosed(sameUser.ready) || !isClosed(flood[98].ready) {
		t.Error("within a user, the namespace with the most has to lose")
	}
}

// TestTurnsAreFair steps through what may come in any order, and holds the line to what it is for: anyone who waits is
// served before anybody else is served twice, nothing is lost and no one has a turn too many.
func TestTurnsAreFair(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same at every run.
	turns := &turns{concurrent: 1, queued: 30}
	turns.take()
	var waiting []*waiter
	since := map[string]map[string]int{} // by who waits, how often others were served since
	for range 20_000 {
		if random.IntN(2) == 0 {
			of := caller{string(rune('a' + min(random.IntN(20), 6))), string(rune('a' + random.IntN(3)))}
			if since[of.user] == nil {
				since[of.user] = map[string]int{}
			}
			waiting = append(waiting, turns.queue(of))
		} else if len(waiting) > 0 && random.IntN(8) == 0 {
			turns.drop(waiting[random.IntN(len(waiting))])
		} else if len(waiting) > 0 {
			turns.giveBack()
		}
		waiting = slices.DeleteFunc(waiting, func(w *waiter) bool {
			if isClosed(w.ready) && w.hasTurn {
				for _, others := range since {
					others[w.user]++
				}
				delete(since, w.user)
			}
			return isClosed(w.ready)
		})
		for user, others := range since {
			if !slices.ContainsFunc(waiting, func(w *waiter) bool { return w.user == user }) {
				delete(since, user)
				continue
			}
			for other, n := range others {
				if n > 1 {
					t.Fatalf("%s was served %d times while %s waited", other, n, user)
				}
			}
		}
		for _, w := range waiting {
			if since[w.user] == nil {
				since[w.user] = map[string]int{}
			}
		}
		if turns.waiting.count != len(waiting) || turns.waiting.count > turns.queued || turns.taken != 1 {
			t.Fatalf("%d wait, of which %d are known, and %d have a turn", len(waiting), turns.waiting.count, turns.taken)
		}
	}
}

func TestCallerOf(t *testing.T) {
	for username, want := range map[string]string{
		"jane":                         "jane",
		"system:serviceaccount:shop:a": "system:serviceaccount:shop",
		"system:serviceaccount:shop:b": "system:serviceaccount:shop",
		"system:serviceaccount:kube-system:replicaset-controller": "system:serviceaccount:kube-system:replicaset-controller",
		"system:serviceaccount:odd":                               "system:serviceaccount:odd",
	} {
		if got := callerOf(username, "n"); got != (caller{want, "n"}) {
			t.Errorf("%s: got %+v", username, got)
		}
	}
}

// reviewBy is a review by a user in a namespace, of a size.
func reviewBy(user, namespace string, size int) []byte {
	text := replaced(`"u"`, fmt.Sprintf(`"u","namespace":%q,"operation":"CREATE","userInfo":{"username":%q}`, namespace, user))
	return []byte(text + strings.Repeat(" ", max(size-len(text), 0)))
}

// A user whose reviews take all turns and places waits for himself; another one is next, and has a place.
func TestFloodOfOneUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		step := make(chan struct{})
		h := limitedHandler(t, Limits{Concurrent: 1, Queued: 50}, selecting{checkFunc{"slow",
			func(_ context.Context, req *Request) ([]Violation, error) {
				order = append(order, req.UserInfo.Username)
				<-step
				return nil, nil
			}}, func(*Request) bool { return true }})
		answers := make(chan *httptest.ResponseRecorder, 101)
		for range 100 {
			go func() { answers <- send(t.Context(), h, "/", reviewBy("mallory", "evil", 0)) }()
		}
		synctest.Wait()
		jane := make(chan *httptest.ResponseRecorder, 1)
		go func() { jane <- send(t.Context(), h, "/", reviewBy("jane", "shop", 0)) }()
		synctest.Wait()
		for range 3 {
			step <- struct{}{}
			synctest.Wait()
		}
		if code, _ := codeOf(t, <-jane); code != http.StatusOK || !slices.Contains(order[:3], "jane") {
			t.Errorf("got %d, after %q", code, order)
		}
		close(step)
		refused := 0
		for range 100 {
			if code, _ := codeOf(t, <-answers); code == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 50 {
			t.Errorf("%d of 101 were refused, with 51 places", refused)
		}
	})
}

// A user whose large bodies take all memory loses that of the newest one for another user, who has less.
func TestMemoryIsForAllUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := limitedHandler(t, Limits{Concurrent: 1, Bytes: 20 << 20}, selecting{stuck("slow", release),
			func(*Request) bool { return true }})
		const size = 2 << 20
		mallory := make(chan *httptest.ResponseRecorder, 20)
		for range 20 {
			go func() { mallory <- send(t.Context(), h, "/", reviewBy("mallory", "evil", size)) }()
			<-time.After(time.Millisecond)
		}
		before := len(mallory)
		jane := make(chan *httptest.ResponseRecorder, 2)
		for range 2 {
			go func() { jane <- send(t.Context(), h, "/", reviewBy("jane", "shop", size)) }()
			synctest.Wait()
		}
		if before == 0 || len(jane) != 0 || len(mallory) <= before {
			t.Errorf("%d and then %d of mallory's were refused, and %d of jane's", before, len(mallory), len(jane))
		}
		close(release)
		for range 2 {
			if code, _ := codeOf(t, <-jane); code != http.StatusOK {
				t.Errorf("jane got %d", code)
			}
		}
		synctest.Wait()
		if h.gate.inUse() != 0 || len(h.gate.large) != 0 || len(h.gate.senders) != 0 || h.gate.turns.taken != 0 {
			t.Errorf("not given back: %d bytes", h.gate.inUse())
		}
	})
}

// The same holds while bodies are still being sent, and the one who loses is answered with a review.
func TestMemoryIsTakenFromTheNewestSenderOfMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limitedHandler(t, Limits{Bytes: 20 << 20}, says("quiet"))
		const size = 4 << 20
		var answers []*pipeWriter
		for range 3 {
			body, writer := io.Pipe()
			answers = append(answers, &pipeWriter{httptest.NewRecorder(), body})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
			r.ContentLength = size
			r.Header.Set("Content-Type", "application/json")
			go h.ServeHTTP(answers[len(answers)-1], r)
			_, _ = writer.Write(reviewBy("mallory", "evil", size-1))
			synctest.Wait()
			<-time.After(time.Millisecond)
			defer synctest.Wait()
			defer writer.Close()
		}
		got := send(t.Context(), h, "/", reviewBy("jane", "shop", size))
		if code, _ := codeOf(t, got); code != http.StatusOK {
			t.Errorf("jane got %d %s", code, got.Body)
		}
		synctest.Wait()
		if code, retry := codeOf(t, answers[2].ResponseRecorder); code != http.StatusTooManyRequests || !retry {
			t.Errorf("mallory's newest got %d", code)
		}
		if answers[0].Body.Len() > 0 || answers[1].Body.Len() > 0 {
			t.Error("mallory's older ones have lost their memory, too")
		}
	})
}

// TestReviewsTakeTurnsOnOneProcessor: who sends one review after another lets the others be answered in between. The
// conversion of objects takes its turn at the same place.
func TestReviewsTakeTurnsOnOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const senders, each = 4, 100
	var mu sync.Mutex
	var order []string // of the senders, as their reviews are judged
	h := newHandler(t, Entry{Check: checkFunc{"order", func(_ context.Context, req *Request) ([]Violation, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, req.Namespace)
		return nil, nil
	}}})
	var running sync.WaitGroup
	for i := range senders {
		body := reviewBy("jane", fmt.Sprint("team-", i), 0)
		running.Go(func() {
			for range each {
				send(t.Context(), h, "/", body)
			}
		})
	}
	running.Wait()
	again := 0
	for i := range order[1:] {
		if order[i] == order[i+1] {
			again++
		}
	}
	if len(order) != senders*each || again > len(order)/2 {
		t.Errorf("of %d reviews, %d came after another of the same sender", len(order), again)
	}
}
