// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"sync"

	"k8s.io/klog/v2"
)

// Run watches and writes until ctx ends, and then returns nil: there is no failure which it does not outlast. An API
// server which is away, a right which is missing, an object which does not exist yet are all retried with capped
// back-off, and [Injector.Snapshot] says so. Call it once.
func (i *Injector) Run(ctx context.Context) error {
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithName("injector"))
	var running sync.WaitGroup
	running.Go(func() { i.tellWaived(ctx) })
	for _, v := range i.views {
		resource := i.opts.Client.Resource(v.target.Kind.gvr())
		worker := &worker{
			view: v, resource: resource, patch: patchWhole(resource, v.target), scope: i.scope(v.target), clock: i.opts.Clock,
			observer: i.opts.Observer, policy: i.goal.current, named: i.goal.knowsNames, called: map[string]string{},
		}
		running.Go(func() { worker.watch(ctx) })
		running.Go(func() { worker.run(ctx) })
	}
	running.Wait() // Each ends with ctx.
	return nil
}
