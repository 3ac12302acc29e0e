// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/internal/logcap"
	"github.com/hookstrap/hookstrap/pkg/internal/relist"
)

// afterglow is for how long a type is still watched that nobody needs any more: a request that began before may read it
// until its timeout.
const afterglow = 35 * time.Second

// Cache reads objects of the types that were given to [Cache.Add]. It is safe for concurrent use. Make one with [New].
type Cache struct {
	ctx    context.Context //nolint:containedctx // Watches live longer than the calls that begin them.
	cfg    *rest.Config
	misses misses

	mu        sync.Mutex
	inner     cache.Cache // nil until the first type
	watched   []client.Object
	needed    []client.Object
	watchErrs map[string]error // why the latest watch failed, by typeName; none once all has been read
}

var _ client.Reader = &Cache{}

// New makes a cache that watches nothing yet and contacts nobody. Its watches end with ctx.
func New(ctx context.Context, cfg *rest.Config) *Cache {
	ctx = logcap.NewContext(ctx) // What users write into their objects stays out of the log.
	return &Cache{ctx: ctx, cfg: cfg, misses: misses{of: map[string]time.Time{}}, watchErrs: map[string]error{}}
}

// Add watches objects of the types that it is given empty objects of, besides those that are watched already, and
// returns when all that there are can be read, or with an error when ctx ends before. It goes on trying then, and
// another call waits for the same. Calls are to come one at a time.
func (c *Cache) Add(ctx context.Context, types ...client.Object) error {
	for _, obj := range types {
		inner, err := c.watch(obj)
		if err != nil {
			return err
		}
		informer, err := inner.GetInformer(ctx, obj)
		if err == nil {
			err = untilSynced(ctx, informer)
		}
		if err != nil {
			return fmt.Errorf("reading all %s of the cluster; it takes the right to list and watch them: %w", describe(obj),
				errors.Join(c.lastWatchError(obj), err))
		}
		c.setWatchError(typeName(obj), nil)
	}
	return nil
}

// untilSynced waits for an informer: one of a cache that has not quite started is returned before it has read anything.
func untilSynced(ctx context.Context, informer cache.Informer) error {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for !informer.HasSynced() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Keep says which types are needed from now on. The others are let go of when no request can be reading them.
func (c *Cache) Keep(types ...client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.needed = types
	if slices.ContainsFunc(c.watched, func(obj client.Object) bool { return !contains(types, obj) }) {
		time.AfterFunc(afterglow, c.prune)
	}
}

func (c *Cache) prune() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched = slices.DeleteFunc(c.watched, func(obj client.Object) bool {
		if contains(c.needed, obj) || c.ctx.Err() != nil {
			return false
		}
		return c.inner.RemoveInformer(c.ctx, obj) == nil
	})
}

// watch notes that a type is watched, and starts the cache for the first one.
func (c *Cache) watch(obj client.Object) (cache.Cache, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		inner, err := cache.New(c.cfg, cache.Options{
			Scheme: scheme.Scheme,
			// A check that has not said what it reads is a mistake, which would otherwise begin a watch within a request.
			ReaderFailOnMissingInformer: true,
			DefaultTransform:            slim,
			DefaultWatchErrorHandler:    c.watchFailed,
			NewInformer:                 newInformer,
		})
		if err != nil {
			return nil, fmt.Errorf("making the cache of what checks read: %w", err)
		}
		c.inner = inner
		go func() {
			if err := inner.Start(c.ctx); err != nil {
				klog.FromContext(c.ctx).Error(err, "The cache of what checks read has ended")
			}
		}()
	}
	if !contains(c.needed, obj) { // until Keep says otherwise, or a prune may take it away
		c.needed = append(slices.Clone(c.needed), obj)
	}
	if !contains(c.watched, obj) {
		c.watched = append(c.watched, obj)
	}
	return c.inner, nil
}

// newInformer is client-go's informer, which alone would see nothing for a long time after etcd was restored from a
// backup.
func newInformer(lw toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	return toolscache.NewSharedIndexInformer(relist.ListerWatcher(describe(obj), lw), obj, resync, indexers)
}

// watchFailed keeps the reason for who waits, and says which right is missing.
func (c *Cache) watchFailed(ctx context.Context, r *toolscache.Reflector, err error) {
	c.setWatchError(r.TypeDescription(), err)
	if apierrors.IsForbidden(err) {
		klog.FromContext(ctx).Error(err, "Checks cannot read what they need, an RBAC rule is missing: grant get, list "+
			"and watch", "type", r.TypeDescription())
		return
	}
	toolscache.DefaultWatchErrorHandler(ctx, r, err)
}

func (c *Cache) setWatchError(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchErrs[name] = err
}

func (c *Cache) lastWatchError(obj client.Object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watchErrs[typeName(obj)]
}

// typeName is how the watch of a type calls it, as in *v1.Namespace.
func typeName(obj client.Object) string {
	if kind := obj.GetObjectKind().GroupVersionKind(); kind.Kind != "" {
		if _, ok := obj.(runtime.Unstructured); ok {
			return kind.String()
		}
	}
	return reflect.TypeOf(obj).String()
}

func contains(types []client.Object, obj client.Object) bool {
	return slices.ContainsFunc(types, func(known client.Object) bool {
		return reflect.TypeOf(known) == reflect.TypeOf(obj) &&
			known.GetObjectKind().GroupVersionKind() == obj.GetObjectKind().GroupVersionKind()
	})
}

// describe names the type of an object.
func describe(obj runtime.Object) string {
	if kind := obj.GetObjectKind().GroupVersionKind(); kind.Kind != "" {
		return kind.String()
	}
	return reflect.TypeOf(obj).Elem().Name() + " objects"
}
