// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"crypto/x509"
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

// Run follows the Secret until ctx ends, and then returns nil. It keeps the bundle and the signing CA as another
// replica or an operator writes them, takes the steps of a rotation as they become due, and puts the Secret right when
// it is deleted or damaged, so that what is trusted today is trusted tomorrow. It creates the CA like
// [Authority.Ensure] if need be, so Ensure need not have succeeded.
//
// It costs one watch, of this one Secret: field selector metadata.name, which RBAC rules with resourceNames allow.
// While the API server is away the last CA stays in use. Run may be called once only at a time.
func (a *Authority) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, klog.LoggerWithName(klog.FromContext(ctx), "authority-secret"))
	k := a.keeper
	f := &follower{keeper: k, work: newLoop("authority-secret")}
	key := k.secret.String()
	// An absent Secret is a list without objects, and that a change too.
	store := relist.NewNotifying(func() { f.work.queue.Add(key) })
	f.store = store
	f.work.handle, f.work.failed = f.follow, k.OnFailure
	f.work.run(ctx, func(ctx context.Context) {
		relist.Run(ctx, relist.Options{
			Name: "the CA Secret " + key,
			ListerWatcher: cache.NewListWatchFromClient(k.Client.CoreV1().RESTClient(), "secrets", k.secret.Namespace,
				follow.ByName(k.secret.Name)),
			Object: &corev1.Secret{}, Store: store,
			Failed: timing.Once(func(err error) {
				klog.FromContext(ctx).Error(k.explainSecret(err), "Cannot watch, will try again")
			}),
		})
	})
	f.stopWaiting()
	return nil
}

// follower brings a keeper in line with what the watch has last seen. It belongs to one goroutine.
type follower struct {
	keeper *keeper
	work   *loop
	store  cache.Store

	// awaited is the successor whose trust is being waited for, and cancel ends that.
	awaited *x509.Certificate
	cancel  context.CancelFunc
}

func (f *follower) follow(ctx context.Context, key string) error {
	changed, err := f.settle(ctx, key)
	if changed {
		f.keeper.OnChange()
	}
	current := f.keeper.current.Load()
	if current == nil || err != nil {
		return err // It is tried again, with back-off.
	}
	f.await(ctx, key, current.next)
	look := rotation{current, moment{now: f.keeper.Now()}}.nextLook()
	// Not at once, even if something is due: a race that was lost is decided by what the watch will bring.
	f.work.queue.AddAfter(key, min(max(look, shortestLook), longestLook))
	return nil
}

// settle looks at the Secret in the store. A race that was lost is no failure: what the winner wrote comes with the
// watch, and wakes us.
func (f *follower) settle(ctx context.Context, key string) (bool, error) {
	k := f.keeper
	obj, exists, err := f.store.GetByKey(key)
	if err != nil {
		return false, err
	}
	secret, _ := obj.(*corev1.Secret)
	k.Lock()
	defer k.Unlock()
	if exists && k.outdated(secret) {
		return k.fetch(ctx) // Only the API server can tell which of the two it is.
	}
	changed, err := k.settle(ctx, secret)
	if lostRace(err) {
		klog.FromContext(ctx).V(2).Info("Another replica wrote the CA first", "secret", k.secret)
		return false, nil
	}
	return changed, err
}

// await has somebody wait until every client trusts the successor, and look at the Secret again then.
func (f *follower) await(ctx context.Context, key string, next *keyPair) {
	k := f.keeper
	if next == nil || k.AwaitTrust == nil {
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
		if err := k.AwaitTrust(ctx, next.cert); err != nil {
			return // The context has ended: the result is not needed any more.
		}
		k.trusted.Store(next.cert)
		f.work.queue.Add(key)
	}()
}

func (f *follower) stopWaiting() {
	if f.cancel != nil {
		f.cancel()
	}
	f.awaited, f.cancel = nil, nil
}
