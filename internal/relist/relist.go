// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package relist makes reflectors see what there is after an outage, also if etcd was restored from a backup in it.
package relist

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// ListerWatcher returns lw for a reflector that lists again after an outage what there is by then. It may be used where
// lw may. What names the objects, for errors.
//
// A reflector that cannot stream a list asks for an ordinary one. Where the stream was refused in a way that a list
// would be too, it gets the same error without another request.
func ListerWatcher(what string, lw cache.ListerWatcher) *cache.ListWatch {
	inner := cache.ToListerWatcherWithContext(lw)
	var refused atomic.Pointer[error]
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			if err := refused.Swap(nil); err != nil {
				return nil, *err
			}
			return inner.ListWithContext(ctx, newest(options))
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := inner.WatchWithContext(ctx, options)
			if options.SendInitialEvents != nil && refusedAsAList(err) {
				refused.Store(&err)
			}
			return events, failed(what, err)
		},
	}
}

// refusedAsAList tells whether a list fails as the watch did.
func refusedAsAList(err error) bool {
	return utilnet.IsConnectionRefused(err) || apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) ||
		apierrors.IsNotFound(err)
}

// failed returns what a watch of what has failed with, so that a reflector lists again after it; nil stays nil.
//
// A reflector that cannot reach the API server, or is told to come later, asks for the same watch until it gets it,
// from the resource version that it has seen last. If etcd was restored from a backup during that time, that version
// is in the future: the watch then begins without a complaint, and shows nothing until as many writes have happened
// once more. A list has no such blind spot, because the API server says that the version is too large. The reflector
// also waits these errors out without an eye on its context, which would hold up a shutdown. It tells them by their
// type, which is hidden here.
func failed(what string, err error) error {
	if utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err) {
		return &hidden{text: fmt.Sprintf("watching %s: %s", what, err.Error()), outage: timing.Outage(err)}
	}
	return err
}

// newest returns the options of a reflector's list, but for the resource version that it has seen last: the list is to
// be of what there is now, which is no older, unless etcd was restored from a backup.
//
// In that case the API server waits three seconds for the version to come, says that it is too large, and asks to come
// again in a second; and client-go does, ten times, before the reflector hears of it. That version is sent whenever the
// API server cannot stream a list, be it only because its authorizer does not know our rights yet, so soon after a
// start. A reflector's first list stays one of the API server's memory ("0").
func newest(options metav1.ListOptions) metav1.ListOptions {
	if options.ResourceVersion != "0" {
		options.ResourceVersion, options.ResourceVersionMatch = "", ""
	}
	return options
}

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

// proven is how long a watch has to last, from when the API server has accepted it, until the failures before it are
// forgotten. A list before it may take as long, and proves nothing: the watch may still be refused.
const proven = 10 * time.Second

// Run keeps the store up to date until ctx ends. What fails is tried again as package timing says. client-go's own
// loop cannot tell an outage from a refusal, and begins again every two minutes.
func Run(ctx context.Context, o Options) {
	var watching watching
	reflector := cache.NewReflectorWithOptions(watching.noting(ListerWatcher(o.Name, o.ListerWatcher)), o.Object, o.Store,
		cache.ReflectorOptions{Name: o.Name, TypeDescription: o.Name})
	var failures timing.Backoff
	for ctx.Err() == nil {
		err := reflector.ListAndWatchWithContext(quiet(ctx))
		if ctx.Err() != nil {
			return
		}
		if watching.lasted() > proven {
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

// watching is since when there is a watch; zero while there is none. A reflector makes one request at a time.
type watching struct{ since time.Time }

// noting returns lw, and notes of each request what it says about the watch.
func (w *watching) noting(lw *cache.ListWatch) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			w.since = time.Time{}
			return lw.ListWithContext(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := lw.WatchWithContext(ctx, options)
			if w.since = time.Now(); err != nil {
				w.since = time.Time{}
			}
			return events, err
		},
	}
}

// lasted is for how long there was a watch.
func (w *watching) lasted() time.Duration {
	if w.since.IsZero() {
		return 0
	}
	return time.Since(w.since)
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
