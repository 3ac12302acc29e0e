// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// object is one that has opted in.
type object struct {
	source Source
	kept   *trust.Object // nil if it names no source
	fault  timing.News   // why it does not
}

// followObjects keeps up with the objects of a kind that opt in. The API server leaves the others out.
func (k *Keeper) followObjects(ctx context.Context, kind trust.Kind) {
	store := &objects{keeper: k, kind: kind, read: sync.OnceFunc(func() { k.unread.Add(-1) })}
	follow.Run(ctx, follow.Options{
		Name: string(kind), Resource: k.opts.reader(kind), Kind: kind.GroupVersionKind(),
		Labels: Key + "=" + OptedIn, Store: store, Trim: func(obj *unstructured.Unstructured) { trust.Trim(kind, obj) },
		Report: unwatched(ctx, "the objects of kind "+kind.GroupVersionKind().Kind, kind.Resource().GroupResource().String()),
	})
}

// unwatched logs why something cannot be watched, once for each reason.
func unwatched(ctx context.Context, what, resource string) func(error) {
	logger, news := klog.FromContext(ctx), timing.News{}
	return func(err error) {
		before := news.Any()
		if err != nil {
			err = refusal.Explain(what+" cannot be watched", err, `grant our service account the verbs "list" and "watch" on `+
				resource, "what is known of them may be old: check the connection to the API server")
		}
		switch is := news.Is(err); {
		case is:
			logger.Error(err, "Cannot watch, will retry")
		case err == nil && before:
			logger.Info("Watching again", "what", what)
		}
	}
}

// objects is what the watch of a kind tells of it.
type objects struct {
	keeper *Keeper
	kind   trust.Kind
	read   func()
}

var _ cache.ReflectorStore = &objects{}

// Add is called by the watch when an object was created, or has opted in.
func (s *objects) Add(obj any) error { return s.Update(obj) }

// Update is called by the watch when an object was changed.
func (s *objects) Update(obj any) error {
	if live, ok := obj.(*unstructured.Unstructured); ok {
		s.keeper.see(trust.Target{Kind: s.kind, Name: live.GetName()}, live)
	}
	return nil
}

// Delete is called by the watch when an object was deleted, or has opted out. What it has stays as it is.
func (s *objects) Delete(obj any) error {
	if gone, ok := obj.(*unstructured.Unstructured); ok {
		s.keeper.mu.Lock()
		defer s.keeper.mu.Unlock()
		s.keeper.drop(trust.Target{Kind: s.kind, Name: gone.GetName()})
	}
	return nil
}

// Replace is called by the watch with all there is.
func (s *objects) Replace(objs []any, _ string) error {
	there := map[string]bool{}
	for _, obj := range objs {
		if live, ok := obj.(*unstructured.Unstructured); ok {
			there[live.GetName()] = true
			_ = s.Update(live) // It cannot fail.
		}
	}
	s.keeper.mu.Lock()
	defer s.keeper.mu.Unlock()
	for target := range s.keeper.objects {
		if target.Kind == s.kind && !there[target.Name] {
			s.keeper.drop(target)
		}
	}
	s.read()
	return nil
}

// Resync is not needed: a comparison looks at the state, not at events.
func (s *objects) Resync() error { return nil }

// see takes what is live of an object, and has it compared.
func (k *Keeper) see(target trust.Target, live *unstructured.Unstructured) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o := k.objects[target]
	if o == nil {
		o = &object{}
		k.objects[target] = o
	}
	from, err := sourceOf(live)
	if err != nil {
		if o.fault.Is(err) {
			k.logger.Error(err, "Cannot keep the caBundle of an object that opts in", "target", target.String())
		}
		o.release()
		o.kept, o.source = nil, Source{}
		return
	}
	o.fault = timing.News{}
	if o.kept == nil || o.source != from {
		o.release()
		o.source = from
		o.kept = trust.NewObject(trust.ObjectOptions{
			Target: target, Goal: &k.sourceNamed(from).goal, Client: k.opts.Metadata, Observer: k.metrics.observer(),
			Hold:  func(uid types.UID) time.Duration { return time.Duration(k.opts.Rank(uid)) * turnDelay },
			Admit: k.limiter.Wait,
		})
	}
	o.kept.See(live)
	k.queue.Add(task{target: target})
}

// drop forgets an object, with mu held.
func (k *Keeper) drop(target trust.Target) {
	if o := k.objects[target]; o != nil {
		o.release()
	}
	delete(k.objects, target)
}

// release tells a write that waits that there is nothing to do any more.
func (o *object) release() {
	if o.kept != nil {
		o.kept.See(nil)
	}
}
