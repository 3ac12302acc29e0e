// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package follow keeps a store up to date with a few objects of one kind, by a watch that outlasts everything: an API
// server which is away, a right which is missing, a kind which is not served.
package follow

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/internal/relist"
)

const (
	firstDelay  = 500 * time.Millisecond
	delayJitter = 0.5 // up to half more, so that replicas do not retry in step
)

// Options say what to follow.
type Options struct {
	// Name is for the logs of who debugs.
	Name string
	// Resource needs the verbs list and watch; Selector is sent along with both, so that with the selector of
	// [ByName] a role with resourceNames is enough.
	Resource dynamic.ResourceInterface
	Selector fields.Selector
	// Kind is what the objects are.
	Kind schema.GroupVersionKind
	// Store is told what there is. It gets [unstructured.Unstructured] objects, which it must not modify.
	Store cache.ReflectorStore
	// Report is told how each attempt to watch went, nil when it succeeded. It is called by one goroutine.
	Report func(error)
	// LongestDelay bounds how late news are after an outage.
	LongestDelay time.Duration
}

// ByName selects the one object of that name.
func ByName(name string) fields.Selector {
	return fields.OneTermEqualSelector(metav1.ObjectNameField, name)
}

// Run follows until ctx ends. Where the API server streams lists, the watch is the only request.
func Run(ctx context.Context, options Options) {
	f := &follower{Options: options}
	expected := &unstructured.Unstructured{}
	expected.SetGroupVersionKind(options.Kind)
	backoff := &wait.Backoff{
		Duration: firstDelay,
		Cap:      options.LongestDelay,
		Steps:    int(options.LongestDelay / firstDelay),
		Factor:   2,
		Jitter:   delayJitter,
	}
	lw := relist.ListerWatcher(options.Name, &cache.ListWatch{ListWithContextFunc: f.list, WatchFuncWithContext: f.watch})
	reflector := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(lw, options.Resource), expected,
		options.Store, cache.ReflectorOptions{Name: options.Name, Backoff: backoff})
	reflector.RunWithContext(quiet(ctx))
}

// quiet drops the reflector's own log lines unless somebody debugs: Report says the same, and can say what to do.
func quiet(ctx context.Context) context.Context {
	if debug := klog.FromContext(ctx).V(4); debug.Enabled() {
		return ctx
	}
	return klog.NewContext(ctx, klog.Logger{})
}

type follower struct {
	Options
}

func (f *follower) selected(opts metav1.ListOptions) metav1.ListOptions {
	opts.FieldSelector = f.Selector.String()
	return opts
}

func (f *follower) list(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
	list, err := f.Resource.List(ctx, f.selected(opts))
	if err != nil {
		f.report(ctx, err)
		return nil, err
	}
	return list, nil // nothing to report yet: the watch comes next, and may still fail
}

func (f *follower) watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	stream, err := f.Resource.Watch(ctx, f.selected(opts))
	if err == nil || opts.SendInitialEvents == nil { // a list follows where the API server did not stream one
		f.report(ctx, err)
	}
	return stream, err
}

func (f *follower) report(ctx context.Context, err error) {
	if ctx.Err() == nil {
		f.Report(err)
	}
}
