// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

func TestInjectorWaitsForTheConfiguration(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	injector := n.start(t, shared.Config(), nil)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	clustertest.Eventually(t, func(context.Context) error { return reasonIs(injector, "does not exist yet") })

	n.create(t)
	n.await(t, injector)
	n.wantRight(t, n.bundle())
}

// reasonIs returns nil when the first entry's reason has the given words.
func reasonIs(injector *trust.Injector, words string) error {
	if got := injector.Snapshot()[0].Reason; !strings.Contains(got, words) {
		return fmt.Errorf("the reason is %q, want %q", got, words)
	}
	return nil
}

func TestInjectorHeals(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil      func(t *testing.T, n *injection)
		reason     string
		overwriter string
	}{
		// Who removes a field owns nothing, and is not in the managed fields.
		"emptied":                   {func(t *testing.T, n *injection) { n.spoil(t, 0, nil) }, "empty", ""},
		"garbage":                   {func(t *testing.T, n *injection) { n.spoil(t, 2, []byte("garbage")) }, "garbage", "spoiler"},
		"deleted and created again": {func(t *testing.T, n *injection) { n.remove(t); n.create(t) }, "empty", "installer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newInjection(t, trust.Validating)
			n.create(t)
			injector := n.start(t, shared.Config(), nil)
			injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
			n.await(t, injector)
			tc.spoil(t, n)
			n.awaitWrites(t, 2)
			n.wantRight(t, n.bundle())
			writes, errs := n.observed()
			if len(errs) > 0 || len(writes) != 2 {
				t.Fatalf("%d writes, want 2; errors %v", len(writes), errs)
			}
			if w := writes[1]; w.Reason != tc.reason || w.Overwriter != tc.overwriter {
				t.Errorf("repaired because of %q by %q, want %q by %q", w.Reason, w.Overwriter, tc.reason, tc.overwriter)
			}
		})
	}
}

func TestTwentyInjectorsWriteOnce(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	var all []*trust.Injector
	for range 20 {
		injector := n.start(t, shared.Config(), nil)
		injector.Publish(trust.Policy{Bundle: n.bundle()})
		all = append(all, injector)
	}
	for _, injector := range all {
		clustertest.Eventually(t, func(context.Context) error { return reasonIs(injector, "does not exist yet") })
	}
	n.create(t)
	for _, injector := range all {
		n.await(t, injector)
	}
	n.spoil(t, 0, []byte("garbage"))
	clustertest.Eventually(t, func(context.Context) error {
		if got := n.live(t).Generation; got < 4 {
			return fmt.Errorf("generation %d", got)
		}
		return all[0].Verify(n.chain, n.serverName(), time.Now())
	})
	for _, injector := range all {
		n.await(t, injector)
	}
	n.awaitWrites(t, 2) // The watch may be ahead of the answer to the write.
	// 1 created, 2 first write, 3 spoiled, 4 repaired: any further write would have come to pass before all verified.
	if got := n.live(t).Generation; got != 4 {
		t.Errorf("generation %d, want 4", got)
	}
	if writes, errs := n.observed(); len(writes) != 2 || len(errs) > 0 {
		t.Errorf("%d writes, want 2; errors %v", len(writes), errs)
	}
}

func TestReplicasWithDifferentCAsAgree(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	n.create(t)
	both := n.bundle()
	for _, ca := range []*testCA{n.ca, newTestCA(t, "the next CA")} {
		injector := n.start(t, shared.Config(), nil)
		view := trust.NewBundle(ca.certificate)
		injector.Publish(trust.Policy{Bundle: view})
		both = both.Union(view)
	}
	clustertest.Eventually(t, func(context.Context) error {
		if got := n.live(t).Webhooks[0].ClientConfig.CABundle; string(got) != string(both.PEM()) {
			return fmt.Errorf("caBundle is\n%s", got)
		}
		return nil
	})
	n.wantRight(t, both)
}

// The whole start costs one watch and one write; a bundle which is right costs nothing.
func TestInjectorRequests(t *testing.T) {
	t.Parallel()
	if !streamsLists(t) {
		clustertest.Since(t, shared, 34, "a watch that begins with a list")
	}
	n := newInjection(t, trust.Validating)
	n.create(t)
	run := func() []string {
		var mu sync.Mutex
		var requests []string
		injector := n.start(t, intercept(shared.Config(), func(r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			requests = append(requests, r.Method)
		}), nil)
		injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
		n.await(t, injector)
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
	if got := strings.Join(run(), " "); got != "GET PATCH" {
		t.Errorf("the first start made the requests %s", got)
	}
	if got := strings.Join(run(), " "); got != "GET" {
		t.Errorf("the second start made the requests %s", got)
	}
}

// raced runs an injector whose first write comes after between.
func raced(t *testing.T, n *injection, between func()) *trust.Injector {
	t.Helper()
	var once sync.Once
	injector := n.start(t, intercept(shared.Config(), func(r *http.Request) {
		if r.Method == http.MethodPatch {
			once.Do(between)
		}
	}), nil)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	return injector
}

func TestInjectorLosesARace(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	n.create(t)
	injector := raced(t, n, func() { n.spoil(t, 0, []byte("written in between")) })
	n.await(t, injector)
	n.awaitWrites(t, 1) // The watch may be ahead of the answer to the write.
	n.wantRight(t, n.bundle())
	if writes, errs := n.observed(); len(errs) > 0 || len(writes) != 1 {
		t.Errorf("%d writes, want 1; a lost race is no error: %v", len(writes), errs)
	}
}

func TestInjectorNeverCreates(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	n.create(t)
	var lost atomic.Bool
	injector := raced(t, n, func() { n.remove(t); lost.Store(true) })
	clustertest.Eventually(t, func(context.Context) error {
		if !lost.Load() {
			return errors.New("not deleted yet")
		}
		return reasonIs(injector, "no longer exists")
	})
	list, err := n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(t.Context(),
		metav1.ListOptions{FieldSelector: "metadata.name=" + n.target.Name})
	must(t, err)
	if len(list.Items) > 0 {
		t.Errorf("the deleted configuration is back: %v", list.Items)
	}
	if writes, errs := n.observed(); len(writes)+len(errs) > 0 {
		t.Errorf("writes %v, errors %v, want none", writes, errs)
	}
}

// stopped starts an injector whose clock stands still.
func stopped(t *testing.T) (*injection, *trust.Injector, *testingclock.FakeClock) {
	t.Helper()
	n := newInjection(t, trust.Validating)
	n.create(t)
	clock := testingclock.NewFakeClock(time.Now())
	return n, n.start(t, shared.Config(), func(o *trust.InjectorOptions) { o.Clock = clock }), clock
}

// With its clock stopped, an injector makes the free repairs, and then waits.
func TestFightSlowsDown(t *testing.T) {
	t.Parallel()
	n, injector, clock := stopped(t)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	n.await(t, injector)
	for free := range 4 {
		n.spoil(t, 0, []byte("garbage"))
		n.awaitWrites(t, free+2)
	}
	n.spoil(t, 0, []byte("garbage"))
	clustertest.Eventually(t, func(context.Context) error {
		if !clock.HasWaiters() {
			return errors.New("the fifth repair is not held back")
		}
		return nil
	})
	if got := string(n.live(t).Webhooks[0].ClientConfig.CABundle); got != "garbage" {
		t.Errorf("repaired already: %q", got)
	}
	clock.Step(time.Minute)
	n.await(t, injector)
}

func TestOurServiceIsTheWholeName(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	n.create(t)
	n.service = types.NamespacedName{Namespace: n.service.Namespace + "-x", Name: n.service.Name}
	injector := n.start(t, shared.Config(), nil)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	clustertest.Eventually(t, func(context.Context) error { return reasonIs(injector, "has no entry that points at") })
	if got := n.live(t).Generation; got != 1 {
		t.Errorf("generation %d, want 1", got)
	}
}

// Two servers share a configuration and the field manager's name; each must leave the other's entry alone.
func TestTwoServersInOneConfiguration(t *testing.T) {
	t.Parallel()
	n := newInjection(t, trust.Validating)
	n.create(t)
	other := newInjection(t, trust.Validating)
	other.target, other.service = n.target, types.NamespacedName{Namespace: n.service.Namespace, Name: "other"}
	for _, server := range []*injection{n, other} {
		server.start(t, shared.Config(), nil).Publish(trust.Policy{Bundle: server.bundle(), Exact: true})
	}
	clustertest.Eventually(t, func(context.Context) error {
		return n.wantBundles(t, n.bundle(), other.bundle(), n.bundle())
	})
	n.spoil(t, 0, nil)
	n.awaitWrites(t, 2)
	other.awaitWrites(t, 1)
	must(t, n.wantBundles(t, n.bundle(), other.bundle(), n.bundle()))
	if writes, errs := other.observed(); len(writes) != 1 || len(errs) > 0 {
		t.Errorf("the other server wrote %d times, want 1; errors %v", len(writes), errs)
	}
}

// What is missing is put back at once, what is too much is taken out later: another replica may have heard first of a
// new CA. With its clock stopped, an injector does the one and not the other.
func TestSurplusIsTakenOutLater(t *testing.T) {
	t.Parallel()
	n, injector, clock := stopped(t)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	n.await(t, injector)
	// Another CA in place of ours: ours is added, and the other one stays for as long as a rollout may take.
	other := trust.NewBundle(newTestCA(t, "other").certificate)
	n.spoil(t, 0, other.PEM())
	n.awaitWrites(t, 2)
	staysBeside(t, n, clock, other)
	clock.Step(time.Minute)
	staysBeside(t, n, clock, other)
	clock.Step(time.Hour)
	n.awaitWrites(t, 3)
	n.wantRight(t, n.bundle())
}

// A CA that has been in an exact policy and no longer is was retired: it leaves after moments.
func TestRetiredCALeavesSoon(t *testing.T) {
	t.Parallel()
	n, injector, clock := stopped(t)
	old := trust.NewBundle(newTestCA(t, "old").certificate)
	injector.Publish(trust.Policy{Bundle: n.bundle().Union(old), Exact: true})
	n.await(t, injector)
	injector.Publish(trust.Policy{Bundle: n.bundle(), Exact: true})
	staysBeside(t, n, clock, old)
	clock.Step(time.Minute)
	n.awaitWrites(t, 2)
	n.wantRight(t, n.bundle())
}

// staysBeside wants other in the first entry beside our own bundle, and an injector that waits to take it out.
func staysBeside(t *testing.T, n *injection, clock *testingclock.FakeClock, other trust.Bundle) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if !clock.HasWaiters() {
			return errors.New("nobody waits to take it out")
		}
		return nil
	})
	if got, want := n.live(t).Webhooks[0].ClientConfig.CABundle, n.bundle().Union(other).PEM(); !bytes.Equal(got, want) {
		t.Errorf("the caBundle is %q, want %q", got, want)
	}
}
