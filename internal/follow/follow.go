// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package follow keeps a store up to date with a few objects of one kind, by a watch that outlasts everything: an API
// server which is away, a right which is missing, a kind which is not served.
package follow

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"github.com/hookstrap/hookstrap/internal/relist"
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
	lw := &cache.ListWatch{ListWithContextFunc: f.list, WatchFuncWithContext: f.watch}
	relist.Run(ctx, relist.Options{
		Name: options.Name, ListerWatcher: lw, Object: expected, Store: options.Store,
		Failed: options.Report,
	})
}

type follower struct {
	Options
}

func (f *follower) selected(opts metav1.ListOptions) metav1.ListOptions {
	opts.FieldSelector = f.Selector.String()
	return opts
}

func (f *follower) list(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
	return f.Resource.List(ctx, f.selected(opts))
}

func (f *follower) watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	stream, err := f.Resource.Watch(ctx, f.selected(opts))
	if err == nil && ctx.Err() == nil {
		f.Report(nil)
	}
	return stream, err
}
