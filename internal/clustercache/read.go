// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilcache "k8s.io/apimachinery/pkg/util/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
)

const (
	// patience is for how long a Namespace is waited for that is not there: who makes one and puts something into it is
	// faster than the news of it.
	patience = time.Second
	// glance is how often to look for it.
	glance = 10 * time.Millisecond
	// remembered is for how long a Namespace that never came is not waited for again.
	remembered = 10 * time.Second
	// maxMisses bounds what is remembered.
	maxMisses = 1000
)

var errNotSynced = errors.New("the objects of this type have not been read from the cluster yet")

var errNotWatched = errors.New("nothing of the cluster is read yet: the server has just been started, or the check " +
	"does not say what it reads")

// Get implements [client.Reader], for types that are kept whole. A Namespace that is not there is waited for: for a
// second, but for no more than half of the time that ctx leaves. So is a type of which not all objects have been read
// yet.
func (c *Cache) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	var options client.GetOptions
	options.ApplyOptions(opts)
	found, err := wholeView(obj).Get(ctx, c, key)
	if err != nil {
		return err
	}
	if options.UnsafeDisableDeepCopy == nil || !*options.UnsafeDisableDeepCopy {
		found = found.DeepCopyObject().(client.Object)
	}
	reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(found).Elem())
	return nil
}

// List implements [client.Reader], for types that are kept whole, with selectors of labels and namespaces.
func (c *Cache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var options client.ListOptions
	options.ApplyOptions(opts)
	return c.listWhole(ctx, list, options)
}

// View implements [view.Cluster]. It waits as [Cache.Get] does.
func (c *Cache) View(ctx context.Context, v view.Any, name client.ObjectKey) (*view.Store, error) {
	f, err := c.find(v)
	if err != nil {
		return nil, err
	}
	short, cancel := context.WithTimeout(ctx, waitFor(ctx))
	defer cancel()
	// There may never be the right to read the type: do not wait out the whole request.
	if err := f.awaitSynced(short); err != nil {
		return nil, cmp.Or(ctx.Err(), errNotSynced)
	}
	if name.Name != "" && isNamespace(view.TypeOf(v)) {
		await(ctx, c.misses, name.Name, func() bool {
			_, there := f.store.Get(name)
			return there
		})
	}
	return f.store, nil
}

// find returns the watch of a view, or of the type that is kept whole which has the same name.
func (c *Cache) find(v view.Any) (*followed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.watched[view.Name(v)]; ok {
		return f, nil
	}
	if f, ok := c.watched[v.ViewName()]; ok {
		return f, nil
	}
	return nil, errNotWatched
}

// waitFor is for how long to wait within a request.
func waitFor(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(patience, time.Until(deadline)/2)
	}
	return patience
}

func isNamespace(obj client.Object) bool {
	if _, ok := obj.(*corev1.Namespace); ok {
		return true
	}
	kind := obj.GetObjectKind().GroupVersionKind()
	return kind.Group == "" && kind.Kind == "Namespace"
}

// await waits for a Namespace, unless it was waited for in vain lately.
func await(ctx context.Context, misses *utilcache.LRUExpireCache, name string, there func() bool) {
	if there() {
		return
	}
	if _, missed := misses.Get(name); missed {
		return
	}
	timeout := time.NewTimer(waitFor(ctx))
	defer timeout.Stop()
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for !there() {
		select {
		case <-ticker.C:
		case <-timeout.C:
			misses.Add(name, nil, remembered)
			return
		case <-ctx.Done():
			return
		}
	}
}
