// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// longestWatchBackoff bounds how long a repair is late after an outage of the API server; client-go's own bound is a
// minute.
const longestWatchBackoff = 15 * time.Second

// watcher keeps one view up to date.
type watcher struct {
	view     *view
	resource dynamic.ResourceInterface
	logger   klog.Logger
}

// run watches until ctx ends. It watches by name, so a role with resourceNames is enough, and where the API server
// streams lists the watch is the only request.
func (w *watcher) run(ctx context.Context) {
	expected := &unstructured.Unstructured{}
	expected.SetGroupVersionKind(w.view.target.Kind.gvk())
	backoff := &wait.Backoff{
		Duration: firstDelay,
		Cap:      longestWatchBackoff,
		Steps:    int(longestWatchBackoff / firstDelay),
		Factor:   2,
		Jitter:   delayJitter,
	}
	lw := &cache.ListWatch{ListWithContextFunc: w.list, WatchFuncWithContext: w.watch}
	reflector := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(lw, w.resource), expected, w.view,
		cache.ReflectorOptions{Name: w.view.target.String(), Backoff: backoff})
	reflector.RunWithContext(quiet(ctx))
}

// quiet drops the reflector's own log lines unless somebody debugs: report says the same once, not at each attempt,
// and says what to do.
func quiet(ctx context.Context) context.Context {
	if debug := klog.FromContext(ctx).V(4); debug.Enabled() {
		return ctx
	}
	return klog.NewContext(ctx, klog.Logger{})
}

func (w *watcher) byName(opts metav1.ListOptions) metav1.ListOptions {
	opts.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, w.view.target.Name).String()
	return opts
}

func (w *watcher) list(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
	list, err := w.resource.List(ctx, w.byName(opts))
	if err != nil {
		w.report(ctx, err)
		return nil, err
	}
	return list, nil // nothing to report yet: the watch comes next, and may still fail
}

func (w *watcher) watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	stream, err := w.resource.Watch(ctx, w.byName(opts))
	if err == nil || opts.SendInitialEvents == nil { // a list follows where the API server did not stream one
		w.report(ctx, err)
	}
	if utilnet.IsConnectionRefused(err) || apierrors.IsTooManyRequests(err) {
		// The reflector waits these two out without an eye on its context, which would hold up a shutdown. Other
		// errors it waits out with one: hide the type.
		return nil, fmt.Errorf("watching %s: %s", w.view.target.title(), err.Error())
	}
	return stream, err
}

// report notes how an attempt to read the target went, and logs it when it is news.
func (w *watcher) report(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		err = unreadable(w.view.target, err)
	}
	if !w.view.setWatchErr(err) {
		return
	}
	if err != nil {
		w.logger.Error(err, "Cannot watch, will retry", "target", w.view.target.String())
		return
	}
	w.logger.Info("Watching again", "target", w.view.target.String())
}
