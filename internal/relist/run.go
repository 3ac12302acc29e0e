// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package relist

import (
	"context"
	"io"
	"time"

	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// Options say what to watch, and who is told about it.
type Options struct {
	// Name is what is watched, for errors.
	Name string
	// ListerWatcher asks the API server.
	ListerWatcher cache.ListerWatcher
	// Object is an empty object of the type that is expected, nil for any.
	Object any
	// Store is told what there is, by one goroutine.
	Store cache.ReflectorStore
	// Failed is told of each attempt that failed, and of nil before one that comes after a success, by the same goroutine.
	Failed func(error)
}

// proven is how long a watch has to last until the failures before it are forgotten.
const proven = 10 * time.Second

// Run keeps the store up to date until ctx ends. What fails is tried again as package timing says. client-go's own
// loop cannot tell an outage from a refusal, and begins again every two minutes.
func Run(ctx context.Context, o Options) {
	reflector := cache.NewReflectorWithOptions(ListerWatcher(o.Name, o.ListerWatcher), o.Object, o.Store,
		cache.ReflectorOptions{Name: o.Name, TypeDescription: o.Name})
	var failures timing.Backoff
	for ctx.Err() == nil {
		began := time.Now()
		err := reflector.ListAndWatchWithContext(quiet(ctx))
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > proven {
			failures.Reset()
			o.Failed(nil)
		}
		if err != nil {
			o.Failed(err)
		} else {
			err = io.EOF // The watch has ended, perhaps as soon as it began.
		}
		_ = timing.Sleep(ctx, failures.After(err)) // The loop looks at ctx.
	}
}

// quiet drops the reflector's own log lines unless somebody debugs: Failed says the same, and can say what to do.
func quiet(ctx context.Context) context.Context {
	if debug := klog.FromContext(ctx).V(4); debug.Enabled() {
		return ctx
	}
	return klog.NewContext(ctx, klog.Logger{})
}

// hidden is an error whose type a reflector must not see.
type hidden struct {
	text   string
	outage bool
}

// Error implements error.
func (h *hidden) Error() string { return h.text }

// Outage tells package timing what the error was.
func (h *hidden) Outage() bool { return h.outage }

// Notifying is a store that calls Changed after each change. The first is the first complete list.
type Notifying struct {
	cache.Store
	Changed func()
}

// NewNotifying returns an empty store.
func NewNotifying(changed func()) *Notifying {
	return &Notifying{Store: cache.NewStore(cache.MetaNamespaceKeyFunc), Changed: changed}
}

func (n *Notifying) after(err error) error {
	n.Changed()
	return err
}

// Add implements [cache.Store].
func (n *Notifying) Add(obj any) error { return n.after(n.Store.Add(obj)) }

// Update implements [cache.Store].
func (n *Notifying) Update(obj any) error { return n.after(n.Store.Update(obj)) }

// Delete implements [cache.Store].
func (n *Notifying) Delete(obj any) error { return n.after(n.Store.Delete(obj)) }

// Replace implements [cache.Store].
func (n *Notifying) Replace(objs []any, version string) error {
	return n.after(n.Store.Replace(objs, version))
}
