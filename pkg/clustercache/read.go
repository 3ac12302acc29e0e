// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// patience is for how long a Namespace is waited for that is not there: who makes one and puts something into it is
	// faster than the news of it.
	patience = time.Second
	// glance is how often to look for it.
	glance = 10 * time.Millisecond
	// remembered is for how long a Namespace that never came is not waited for again.
	remembered = 10 * time.Second
	// maxMisses bounds what is remembered.
	maxMisses = 1000
)

var errNotSynced = errors.New("the objects of this type have not been read from the cluster yet")

var errNotWatched = errors.New("nothing of the cluster is read yet: the server has just been started, or the check " +
	"does not say what it reads")

// Get implements [client.Reader]. A Namespace that is not there is waited for: for a second, but for no more than half
// of the time that ctx leaves. So is a type of which not all objects have been read yet.
func (c *Cache) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	inner := c.reader()
	if inner == nil {
		return errNotWatched
	}
	err := patiently(ctx, func(ctx context.Context) error { return inner.Get(ctx, key, obj, opts...) })
	if !apierrors.IsNotFound(err) || !isNamespace(obj) || !c.misses.worthWaiting(key.Name) {
		return err
	}
	return c.await(ctx, key.Name, func() error { return inner.Get(ctx, key, obj, opts...) }, err)
}

// List implements [client.Reader].
func (c *Cache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	inner := c.reader()
	if inner == nil {
		return errNotWatched
	}
	return patiently(ctx, func(ctx context.Context) error { return inner.List(ctx, list, opts...) })
}

// patiently reads, but does not wait out the whole request for a type that has not been read from the cluster yet:
// there may never be the right to.
func patiently(ctx context.Context, read func(context.Context) error) error {
	short, cancel := context.WithTimeoutCause(ctx, waitFor(ctx), errNotSynced)
	defer cancel()
	err := read(short)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(short), errNotSynced) {
		return errNotSynced
	}
	return err
}

// waitFor is for how long to wait within a request.
func waitFor(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(patience, time.Until(deadline)/2)
	}
	return patience
}

func (c *Cache) reader() cache.Cache {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inner
}

func isNamespace(obj client.Object) bool {
	if _, ok := obj.(*corev1.Namespace); ok {
		return true
	}
	kind := obj.GetObjectKind().GroupVersionKind()
	return kind.Group == "" && kind.Kind == "Namespace"
}

func (c *Cache) await(ctx context.Context, name string, get func() error, missing error) error {
	timeout := time.NewTimer(waitFor(ctx))
	defer timeout.Stop()
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := get(); !apierrors.IsNotFound(err) {
				return err
			}
		case <-timeout.C:
			c.misses.add(name)
			return missing
		case <-ctx.Done():
			return missing
		}
	}
}

// misses are the Namespaces that were waited for in vain.
type misses struct {
	mu sync.Mutex
	of map[string]time.Time
}

func (m *misses) worthWaiting(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, missed := m.of[name]
	return !missed || time.Since(at) > remembered
}

func (m *misses) add(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.of) >= maxMisses {
		clear(m.of)
	}
	m.of[name] = time.Now()
}
