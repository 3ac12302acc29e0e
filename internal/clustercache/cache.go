// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clustercache is what checks see of the cluster: what they keep of a few types of objects, fed by watches.
// Reading it never asks the API server, so that admission does not wait for it or add to its load.
//
// Of types that are read through a [view.View] only what the view keeps is kept. Objects of other types are kept whole,
// but for managed fields and the annotation of kubectl apply. All that is kept is bounded by [Options.MaxBytes], and
// one object, or one page of a list, is decoded at a time: other people's objects cannot use up the memory.
package clustercache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	utilcache "k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/tokenfile"
	"github.com/hookstrap/hookstrap/internal/view"
)

// afterglow is for how long a type is still watched that no check needs any more: a request that began before may read
// it until its timeout.
const afterglow = 35 * time.Second

// Options bound a cache, and say who is told about it.
type Options struct {
	// MaxBytes is how many bytes may be kept of all objects, half of it of those in one namespace. 0 stands for an eighth
	// of GOMEMLIMIT, or of 1 GiB if that is not set.
	MaxBytes int64
	// Registerer is where the metrics go; nil registers none.
	Registerer prometheus.Registerer
	// OnFull is told when objects of a type cannot be kept because MaxBytes is reached, once until OnRoom. The checks that
	// need them fail. It must not block for long. Nil reports nothing.
	OnFull func(ctx context.Context, what string, err error)
	// OnRoom is told when all objects of a type are kept again after OnFull. It must not block for long.
	OnRoom func(ctx context.Context, what string)
	// Once has objects listed once, by [Cache.Add], and not watched: what is kept is what there was then. Add fails at the
	// first error, and if not all objects can be kept.
	Once bool
}

// Cache reads objects of the types that were given to [Cache.Add]. It is safe for concurrent use. Make one with [New].
type Cache struct {
	ctx     context.Context //nolint:containedctx // Watches live longer than the calls that begin them.
	cfg     *rest.Config
	options Options
	metrics *metrics
	limit   *view.Limit
	misses  *utilcache.LRUExpireCache // the names of Namespaces that were waited for in vain
	listing chan struct{}             // has room for one: whose pages are in memory

	mu      sync.Mutex
	client  client.WithWatch // nil until the first type
	watched map[string]*followed
	needed  map[string]bool
}

var _ view.Cluster = &Cache{}

// New makes a cache with the default options that watches nothing yet and sends no request. Its watches end with ctx.
func New(ctx context.Context, cfg *rest.Config) *Cache {
	c, _ := NewWithOptions(ctx, cfg, Options{}) // Only a Registerer can fail.
	return c
}

// NewWithOptions is [New] with options. It fails if the metrics cannot be registered.
func NewWithOptions(ctx context.Context, cfg *rest.Config, o Options) (*Cache, error) {
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	ctx = logcap.NewContext(ctx) // What users write into their objects stays out of the log.
	c := &Cache{
		ctx: ctx, cfg: cfg, options: o, metrics: m, limit: view.NewLimit(o.MaxBytes), listing: make(chan struct{}, 1),
		misses: utilcache.NewLRUExpireCache(maxMisses), watched: map[string]*followed{}, needed: map[string]bool{},
	}
	m.limit.Set(float64(c.limit.Bytes()))
	return c, nil
}

// Add watches objects of the types that it is given empty objects, or views, of, besides those that are watched
// already, and returns when all that there are can be read, or with an error when ctx ends before. It goes on trying
// then, and another call waits for the same. Calls are to come one at a time.
func (c *Cache) Add(ctx context.Context, types ...client.Object) error {
	for _, obj := range types {
		if c.cfg == nil {
			return fmt.Errorf("reading %s of the cluster: no API server is known, start with a kubeconfig or leave out the "+
				"checks that need it", describe(view.TypeOf(obj)))
		}
		f, err := c.watch(obj)
		if err != nil {
			return err
		}
		if c.options.Once {
			err = c.readOnce(ctx, f)
		} else {
			err = f.awaitSynced(ctx)
		}
		if err != nil {
			return fmt.Errorf("reading all %s of the cluster; it takes the right to list and watch them: %w",
				describe(view.TypeOf(obj)), errors.Join(f.lastError(), err))
		}
	}
	return nil
}

// Keep says which types are needed from now on. The others are let go of when no request can be reading them.
func (c *Cache) Keep(types ...client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.needed = map[string]bool{}
	for _, obj := range types {
		c.needed[view.Name(obj)] = true
	}
	for name := range c.watched {
		if !c.needed[name] {
			time.AfterFunc(afterglow, c.prune)
			return
		}
	}
}

func (c *Cache) prune() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, f := range c.watched {
		if !c.needed[name] {
			f.stop()
			c.metrics.forget(name)
			delete(c.watched, name)
		}
	}
}

// watch begins to watch a type, unless it is watched already.
func (c *Cache) watch(obj client.Object) (*followed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.connect(); err != nil {
		return nil, err
	}
	name := view.Name(obj)
	c.needed[name] = true // until Keep says otherwise, or a prune may take it away
	if f, ok := c.watched[name]; ok {
		return f, nil
	}
	v, ok := obj.(view.Any)
	if !ok {
		var err error
		if v, err = whole(name, obj); err != nil {
			return nil, err
		}
	}
	f := newFollowed(name, v, c.limit)
	c.watched[name] = f
	if !c.options.Once {
		c.follow(f)
	}
	return f, nil
}

// connect makes the client with the first type. The caller holds the lock.
func (c *Cache) connect() error {
	if c.client != nil {
		return nil
	}
	cfg := rest.CopyConfig(c.cfg)
	cfg.QPS = -1 // A list is many small pages. The API server bounds what it takes on.
	refusal.Watch(cfg, nil)
	tokenfile.Reread(cfg)
	cfg.Wrap(limitPages)
	inner, err := client.NewWithWatch(cfg, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return fmt.Errorf("making the client for what checks read: %w", err)
	}
	c.client = inner
	go c.supervise()
	return nil
}

// following returns the watches by their names, at this moment.
func (c *Cache) following() map[string]*followed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.watched)
}

// describe names the type of an object.
func describe(obj runtime.Object) string {
	if kind := obj.GetObjectKind().GroupVersionKind(); kind.Kind != "" {
		return kind.String()
	}
	return reflect.TypeOf(obj).Elem().Name() + " objects"
}
