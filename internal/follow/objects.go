// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

// Objects is a store that calls Changed with all there is, after each change and once when the first answer has come.
// The calls come one at a time, from the goroutine that follows, which waits for them.
type Objects struct {
	Changed func([]*unstructured.Unstructured)

	mu    sync.Mutex
	known map[string]*unstructured.Unstructured
}

var _ cache.ReflectorStore = &Objects{}

func (o *Objects) change(edit func(known map[string]*unstructured.Unstructured)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil {
		o.known = map[string]*unstructured.Unstructured{}
	}
	edit(o.known)
	o.Changed(slices.Collect(maps.Values(o.known)))
}

// Add is called by the watch when an object was created.
func (o *Objects) Add(obj any) error { return o.Update(obj) }

// Update is called by the watch when an object was changed.
func (o *Objects) Update(obj any) error {
	o.change(func(known map[string]*unstructured.Unstructured) { put(known, obj) })
	return nil
}

// Delete is called by the watch when an object was deleted.
func (o *Objects) Delete(obj any) error {
	o.change(func(known map[string]*unstructured.Unstructured) {
		if object, ok := obj.(*unstructured.Unstructured); ok {
			delete(known, object.GetName())
		}
	})
	return nil
}

// Replace is called by the watch with all there is.
func (o *Objects) Replace(objs []any, _ string) error {
	o.change(func(known map[string]*unstructured.Unstructured) {
		clear(known)
		for _, obj := range objs {
			put(known, obj)
		}
	})
	return nil
}

// Resync is not needed: Changed gets the state, not events.
func (o *Objects) Resync() error { return nil }

func put(known map[string]*unstructured.Unstructured, obj any) {
	if object, ok := obj.(*unstructured.Unstructured); ok {
		known[object.GetName()] = object
	}
}
