// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// broadcast wakes everybody who waits for a change. Waiters take the channel first and look at the state then, so
// that no change is missed in between. The zero value is ready.
type broadcast struct {
	mu      sync.Mutex
	changed chan struct{}
}

// next returns the channel which the next change closes.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// announce wakes all who wait now.
func (b *broadcast) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// pause returns when changed is closed, when ctx ends, or, which is overslept, after wait unless that is 0.
func pause(ctx context.Context, c clock.Clock, changed <-chan struct{}, wait time.Duration) (overslept bool) {
	var later <-chan time.Time
	if wait > 0 {
		timer := c.NewTimer(wait)
		defer timer.Stop()
		later = timer.C()
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-later:
		return true
	}
	return false
}
