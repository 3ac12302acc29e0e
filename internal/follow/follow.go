// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package follow keeps a store up to date with a few objects of one kind, by a watch that outlasts everything: an API
// server which is away, a right which is missing, a kind which is not served.
package follow

import (
	"context"
	"maps"
	"slices"

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

// Reader is what of a [dynamic.ResourceInterface] is needed.
type Reader interface {
	List(ctx context.Context, o metav1.ListOptions) (*unstructured.UnstructuredList, error)
	Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error)
}

var _ Reader = dynamic.ResourceInterface(nil)

// Options say what to follow.
type Options struct {
	// Name is for the logs of who debugs.
	Name string
	// Resource needs the verbs list and watch; Selector is sent along with both, so that with the selector of
	// [ByName] a role with resourceNames is enough. nil selects all.
	Resource Reader
	Selector fields.Selector
	// Labels is a label selector for both as well; "" for any labels.
	Labels string
	// Trim takes what is not needed out of each object before it is kept; nil keeps all.
	Trim func(*unstructured.Unstructured)
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
func Run(ctx context.Context, o Options) {
	expected := &unstructured.Unstructured{}
	expected.SetGroupVersionKind(o.Kind)
	selector := ""
	if o.Selector != nil {
		selector = o.Selector.String()
	}
	trim := func(obj runtime.Object) {
		if object, ok := obj.(*unstructured.Unstructured); ok && o.Trim != nil {
			o.Trim(object)
		}
	}
	relist.Run(ctx, relist.Options{
		Name: o.Name, Object: expected, Store: o.Store, Failed: o.Report,
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				options.FieldSelector, options.LabelSelector = selector, o.Labels
				list, err := o.Resource.List(ctx, options)
				if err != nil {
					return nil, err
				}
				for i := range list.Items {
					trim(&list.Items[i])
				}
				return list, nil
			},
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				options.FieldSelector, options.LabelSelector = selector, o.Labels
				stream, err := o.Resource.Watch(ctx, options)
				if err == nil && ctx.Err() == nil {
					o.Report(nil)
				}
				if err != nil || o.Trim == nil {
					return stream, err
				}
				return watch.Filter(stream, func(event watch.Event) (watch.Event, bool) {
					trim(event.Object)
					return event, true
				}), nil
			},
		},
	})
}

// Objects is a store that calls Changed with all there is, after each change and once when the first answer has come.
// The calls come one at a time, from the goroutine that follows, which waits for them.
type Objects struct {
	Changed func([]*unstructured.Unstructured)

	known map[string]*unstructured.Unstructured
}

var _ cache.ReflectorStore = &Objects{}

// Add is called by the watch when an object was created.
func (o *Objects) Add(obj any) error { return o.Update(obj) }

// Update is called by the watch when an object was changed.
func (o *Objects) Update(obj any) error {
	o.put(obj)
	return o.tell()
}

// Delete is called by the watch when an object was deleted.
func (o *Objects) Delete(obj any) error {
	if object, ok := obj.(*unstructured.Unstructured); ok {
		delete(o.known, object.GetName())
	}
	return o.tell()
}

// Replace is called by the watch with all there is.
func (o *Objects) Replace(objs []any, _ string) error {
	clear(o.known)
	for _, obj := range objs {
		o.put(obj)
	}
	return o.tell()
}

// Resync is not needed: Changed gets the state, not events.
func (o *Objects) Resync() error { return nil }

func (o *Objects) put(obj any) {
	if o.known == nil {
		o.known = map[string]*unstructured.Unstructured{}
	}
	if object, ok := obj.(*unstructured.Unstructured); ok {
		o.known[object.GetName()] = object
	}
}

func (o *Objects) tell() error {
	o.Changed(slices.Collect(maps.Values(o.known)))
	return nil
}
