// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// loop calls handle for the key of its queue, and again after a back-off if it fails.
type loop struct {
	queue    workqueue.TypedDelayingInterface[string]
	failures timing.Backoff
	handle   func(ctx context.Context, key string) error
	// failed is told of each failure, and with nil when it is over.
	failed func(error)
}

func newLoop(name string) *loop {
	return &loop{
		queue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[string]{
			Name: name,
		}),
		failed: func(error) {},
	}
}

// run works, and runs what fills the queue, until ctx ends. Nothing of it runs when it has returned.
func (l *loop) run(ctx context.Context, fill func(context.Context)) {
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { fill(ctx) })
	group.Go(func() {
		<-ctx.Done()
		l.queue.ShutDown()
	})
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
		if ctx.Err() == nil && l.failures != (timing.Backoff{}) {
			l.failed(nil)
		}
		l.failures.Reset()
		return true
	}
	delay := l.failures.After(err)
	klog.FromContext(ctx).Error(err, "Trying again", "after", delay)
	l.failed(err)
	l.queue.AddAfter(key, delay)
	return true
}
