// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// The back-off of one key: doubled with each failure, capped, and spread so that replicas that failed together do not
// try again together.
const (
	minBackoff    = 200 * time.Millisecond
	maxBackoff    = time.Minute
	backoffJitter = 0.5
)

// loop calls handle for each key of its queue, one at a time, and again after a back-off if it fails.
type loop struct {
	name     string
	queue    workqueue.TypedDelayingInterface[string]
	failures workqueue.TypedRateLimiter[string]
	handle   func(ctx context.Context, key string) error
	// failed is told of each failure, and with nil when it is over.
	failed func(error)
}

func newLoop(name string) *loop {
	return &loop{
		name: name,
		queue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[string]{
			Name: name,
		}),
		failures: workqueue.NewTypedItemExponentialFailureRateLimiter[string](minBackoff, maxBackoff),
		failed:   func(error) {},
	}
}

// run starts the informer, calls synced when its store is complete, and works until ctx ends. Nothing of it runs when
// it has returned.
func (l *loop) run(ctx context.Context, informer cache.Controller, synced func()) {
	logger := klog.LoggerWithName(klog.FromContext(ctx), l.name)
	ctx = klog.NewContext(ctx, logger)
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { informer.RunWithContext(ctx) })
	group.Go(func() {
		<-ctx.Done()
		l.queue.ShutDown()
	})
	if !cache.WaitFor(ctx, "", informer.HasSyncedChecker()) {
		return
	}
	synced()
	for l.next(ctx) {
		if ctx.Err() != nil {
			return
		}
	}
}

// next handles one key; false says that the queue was shut down.
func (l *loop) next(ctx context.Context) bool {
	key, shutdown := l.queue.Get()
	if shutdown {
		return false
	}
	defer l.queue.Done(key)
	err := l.handle(ctx, key)
	if err == nil || ctx.Err() != nil {
		if ctx.Err() == nil && l.failures.NumRequeues(key) > 0 {
			l.failed(nil)
		}
		l.failures.Forget(key)
		return true
	}
	delay := wait.Jitter(l.failures.When(key), backoffJitter)
	klog.FromContext(ctx).Error(err, "Trying again", "after", delay)
	l.failed(err)
	l.queue.AddAfter(key, delay)
	return true
}
