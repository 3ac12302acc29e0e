// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"
)

// Run follows the Secret until ctx ends, and then returns nil. It keeps the bundle and the signing CA as another
// replica or an operator writes them, and puts the Secret back from memory if it is deleted, so that what is trusted
// today is trusted tomorrow. It creates the CA like [Authority.Ensure] if need be, so Ensure need not have succeeded.
//
// It costs one watch, of this one Secret: field selector metadata.name, which RBAC rules with resourceNames allow.
// While the API server is away the last CA stays in use. A Secret that becomes unreadable is logged, and the last
// readable CA stays in use. Run may be called once only at a time.
func (a *Authority) Run(ctx context.Context) error {
	work := newLoop("authority-secret")
	key := a.secret.String()
	wake := func(any) { work.queue.Add(key) }
	store, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: relister{cache.NewListWatchFromClient(a.client.CoreV1().RESTClient(), "secrets", a.secret.Namespace,
			fields.OneTermEqualSelector("metadata.name", a.secret.Name))},
		ObjectType: &corev1.Secret{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    wake,
			UpdateFunc: func(_, obj any) { wake(obj) },
			DeleteFunc: wake,
		},
	})
	work.handle = func(ctx context.Context, key string) error { return a.follow(ctx, store, key) }
	// An absent Secret makes no event.
	work.run(ctx, informer, func() { wake(nil) })
	return nil
}

// follow brings the current CA in line with what the watch has last seen.
func (a *Authority) follow(ctx context.Context, store cache.Store, key string) error {
	changed, err := a.adoptFrom(ctx, store, key)
	if changed {
		a.onChange()
	}
	return err
}

func (a *Authority) adoptFrom(ctx context.Context, store cache.Store, key string) (bool, error) {
	obj, exists, err := store.GetByKey(key)
	if err != nil {
		return false, err
	}
	secret, ok := obj.(*corev1.Secret)
	if !exists || !ok || emptyState(secret.Data) {
		return a.ensure(ctx)
	}
	a.updating.Lock()
	defer a.updating.Unlock()
	return a.adopt(ctx, secret.Data)
}
