// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"crypto/x509"
	"math"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/relist"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// longestLook bounds how long the wall clock is not read: timers stand still while a machine is suspended.
const longestLook = time.Minute

// shortestLook is the least there is between two looks at a Secret that has not changed.
const shortestLook = time.Second

// noLook is until the watch brings something.
const noLook = time.Duration(math.MaxInt64)

// Run follows the Secret until ctx ends, and then returns nil. It keeps the bundle and the signing CA as another
// replica or an operator writes them, takes the steps of a rotation as they become due, and puts the Secret right when
// it is deleted or damaged, so that what is trusted today is trusted tomorrow. It creates the CA like
// [Authority.Ensure] if need be, so Ensure need not have succeeded.
//
// It costs one watch, of this one Secret: field selector metadata.name, which RBAC rules with resourceNames allow.
// While the API server is away the last CA stays in use. Run may be called once only at a time.
func (a *Authority) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, klog.LoggerWithName(klog.FromContext(ctx), "authority-secret"))
	f := &follower{Authority: a, loop: loop{wake: timing.NewSignal(), failed: a.options.OnFailure}}
	// An absent Secret is a list without objects, and that a change too.
	f.store = relist.NewNotifying(f.wake.Set)
	f.look = f.follow
	var watching sync.WaitGroup
	watching.Go(func() {
		relist.Run(ctx, relist.Options{
			Name: "the CA Secret " + a.secret.String(),
			ListerWatcher: cache.NewListWatchFromClient(a.options.Client.CoreV1().RESTClient(), "secrets", a.secret.Namespace,
				follow.ByName(a.secret.Name)),
			Object: &corev1.Secret{}, Store: f.store,
			Failed: timing.Once(func(err error) {
				klog.FromContext(ctx).Error(a.explainSecret(err), "Cannot watch, will try again")
			}),
		})
	})
	f.run(ctx)
	watching.Wait()
	f.stopWaiting()
	return nil
}

// loop looks when it is woken, when the time is over that a look has returned, and after a backoff if it failed.
type loop struct {
	wake     timing.Signal
	look     func(context.Context) (next time.Duration, err error)
	failures timing.Backoff
	// failed is told of each failure, and with nil when it is over.
	failed func(error)
}

// run waits to be woken, and then looks until ctx ends.
func (l *loop) run(ctx context.Context) {
	wait := noLook
	for {
		if _, err := timing.SleepOr(ctx, wait, l.wake); err != nil {
			return
		}
		wait = l.next(ctx)
	}
}

// next looks once, and returns how long to wait for the next look.
func (l *loop) next(ctx context.Context) time.Duration {
	wait, err := l.look(ctx)
	if err != nil && ctx.Err() == nil {
		delay := l.failures.After(err)
		klog.FromContext(ctx).Error(err, "Trying again", "after", delay)
		l.failed(err)
		return delay
	}
	if ctx.Err() == nil && l.failures != (timing.Backoff{}) {
		l.failed(nil)
	}
	l.failures.Reset()
	return wait
}

// follower brings an authority in line with what the watch has last seen. It belongs to one goroutine.
type follower struct {
	*Authority
	loop
	store cache.Store

	// awaited is the successor whose trust is being waited for, and cancel ends that.
	awaited *x509.Certificate
	cancel  context.CancelFunc
}

func (f *follower) follow(ctx context.Context) (time.Duration, error) {
	changed, err := f.read(ctx)
	if changed {
		f.options.OnChange()
	}
	current := f.current.Load()
	if current == nil || err != nil {
		return noLook, err // An error is tried again, with back-off.
	}
	f.await(ctx, current.next)
	look := rotation{current, moment{now: f.options.Now()}}.nextLook()
	// Not at once, even if something is due: a race that was lost is decided by what the watch will bring.
	return min(max(look, shortestLook), longestLook), nil
}

// read settles the Secret in the store. A race that was lost is no failure: what the winner wrote comes with the watch,
// and wakes us.
func (f *follower) read(ctx context.Context) (bool, error) {
	obj, exists, err := f.store.GetByKey(f.secret.String())
	if err != nil {
		return false, err
	}
	secret, _ := obj.(*corev1.Secret)
	f.mu.Lock()
	defer f.mu.Unlock()
	if exists && f.outdated(secret) {
		return f.fetch(ctx) // Only the API server can tell which of the two it is.
	}
	changed, err := f.settle(ctx, secret)
	if lostRace(err) {
		klog.FromContext(ctx).V(2).Info("Another replica wrote the CA first", "secret", f.secret)
		return false, nil
	}
	return changed, err
}

// await has a goroutine wait until every client trusts the successor, and look at the Secret again then.
func (f *follower) await(ctx context.Context, next *keyPair) {
	if next == nil || f.options.AwaitTrust == nil {
		f.stopWaiting()
		return
	}
	if next.cert.Equal(f.awaited) {
		return
	}
	f.stopWaiting()
	ctx, f.cancel = context.WithCancel(ctx)
	f.awaited = next.cert
	go func() {
		if err := f.options.AwaitTrust(ctx, next.cert); err != nil {
			return // The context has ended: the result is not needed any more.
		}
		f.trusted.Store(next.cert)
		f.wake.Set()
	}()
}

func (f *follower) stopWaiting() {
	if f.cancel != nil {
		f.cancel()
	}
	f.awaited, f.cancel = nil, nil
}
