// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"context"
	"sync"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/relist"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/view"
)

const (
	// look is how often the metrics are brought up to date, and it is seen whether there is room again.
	look = time.Second
	// listAgain is how much time is between two lists that are made because there is room again.
	listAgain = 10 * time.Second
)

// followed is a type that is watched.
type followed struct {
	name   string
	view   view.Any
	store  *view.Store
	synced chan struct{} // closed when all objects have been read once
	stop   context.CancelFunc

	mu      sync.Mutex
	err     error              // why the latest watch failed; nil once all has been read
	relist  context.CancelFunc // ends the reflector, so that another lists again
	listed  time.Time
	full    bool // and OnFull was told
	current *view.Writer
}

func newFollowed(name string, v view.Any, limit *view.Limit) *followed {
	f := &followed{
		name: name, view: v, store: view.NewStore(v, limit), synced: make(chan struct{}), listed: time.Now(),
	}
	f.stop = f.store.Clear
	return f
}

// follow begins to watch.
func (c *Cache) follow(f *followed) {
	ctx, stop := context.WithCancel(c.ctx)
	done := make(chan struct{})
	f.stop = func() {
		stop()
		go func() {
			<-done
			f.store.Clear()
		}()
	}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			c.reflect(ctx, f)
		}
	}()
}

// reflect feeds the store until ctx ends, or it is time to list again.
func (c *Cache) reflect(ctx context.Context, f *followed) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.mu.Lock()
	f.relist = cancel
	f.mu.Unlock()
	obj, list := f.view.Of()
	source := &feed{client: c.client, list: list, followed: f, listing: c.listing}
	unwatched := timing.Once(func(err error) { f.unwatched(ctx, err) })
	relist.Run(ctx, relist.Options{
		Name: describe(obj), Store: source,
		ListerWatcher: &toolscache.ListWatch{ListWithContextFunc: source.listAll, WatchFuncWithContext: source.watch},
		Failed: func(err error) {
			f.mu.Lock()
			f.err = err // For who waits.
			f.mu.Unlock()
			unwatched(err)
		},
	})
}

// unwatched says what keeps the type from being watched, and which right is missing.
func (f *followed) unwatched(ctx context.Context, err error) {
	if advice := refusal.Advice(err, "grant get, list and watch"); advice != "" {
		klog.FromContext(ctx).Error(err, "Checks cannot read what they need", "type", f.name, "advice", advice)
		return
	}
	klog.FromContext(ctx).Error(err, "Cannot watch what checks read, will try again", "type", f.name)
}

// begin takes over the store for a list of all objects, or for a watch.
func (f *followed) begin(all bool) *view.Writer {
	w := f.store.Writer(all)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = w
	return w
}

// complete says that all objects have been read.
func (f *followed) complete() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current.Complete()
	f.err, f.listed = nil, time.Now()
	select {
	case <-f.synced:
	default:
		close(f.synced)
	}
}

func (f *followed) lastError() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *followed) awaitSynced(ctx context.Context) error {
	select {
	case <-f.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// supervise looks after the watches until the cache ends.
func (c *Cache) supervise() {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-c.ctx.Done():
			return
		}
		for name, f := range c.following() {
			f.inspect(c, name)
		}
	}
}

// inspect publishes what is kept of a type, tells when that becomes incomplete or complete again, and has all objects
// listed once there is room for what is missing.
func (f *followed) inspect(c *Cache, name string) {
	usage := f.store.Usage()
	c.metrics.set(name, usage)
	f.mu.Lock()
	was := f.full
	f.full = usage.Err != nil
	if usage.Room && time.Since(f.listed) > listAgain && f.relist != nil {
		f.listed = time.Now()
		f.relist()
	}
	f.mu.Unlock()
	switch {
	case usage.Err != nil && !was:
		klog.FromContext(c.ctx).Error(usage.Err, "Not all objects that checks read are kept; the checks that need them "+
			"fail", "type", name)
		if c.options.OnFull != nil {
			c.options.OnFull(c.ctx, name, usage.Err)
		}
	case usage.Err == nil && was:
		klog.FromContext(c.ctx).Info("All objects that checks read are kept again", "type", name)
		if c.options.OnRoom != nil {
			c.options.OnRoom(c.ctx, name)
		}
	}
}
