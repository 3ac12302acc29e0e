// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// view is what is known of one target: a cache of one object, fed by a watch.
type view struct {
	target  Target
	changes *broadcast                            // of all that the injector knows
	own     broadcast                             // of this target, and of what it has to be
	calls   func(*unstructured.Unstructured) bool // see scope; nil for an object that calls no server
	now     func() time.Time

	mu    sync.Mutex
	known state
}

var _ cache.ReflectorStore = &view{}

// state is what a view knows.
type state struct {
	answers  int                        // how often the API server has told what there is
	called   bool                       // whether calls was true of any of it
	missing  time.Time                  // since when the API server has said that there is no object; zero if there is one
	live     *unstructured.Unstructured // never modified; nil when the object does not exist
	watchErr error                      // why nothing new is heard
	writeErr error                      // why the last write failed
}

func (v *view) get() state {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.known
}

// synced reports whether the API server has answered at least once.
func (s state) synced() bool { return s.answers > 0 }

// setWatchErr notes how the last attempt to watch went, and reports whether that is news.
func (v *view) setWatchErr(err error) bool { return v.setErr(&v.known.watchErr, err) }

// setWriteErr notes how the last write went, and reports whether that is news.
func (v *view) setWriteErr(err error) bool { return v.setErr(&v.known.writeErr, err) }

func (v *view) setErr(field *error, err error) bool {
	v.mu.Lock()
	news := fmt.Sprint(*field) != fmt.Sprint(err)
	*field = err
	v.mu.Unlock()
	if news {
		v.announce()
	}
	return news
}

func (v *view) set(obj any) {
	live, _ := obj.(*unstructured.Unstructured)
	calls := v.calls != nil && v.calls(live)
	v.mu.Lock()
	known := &v.known
	known.answers, known.live, known.called = known.answers+1, live, known.called || calls
	switch {
	case live != nil:
		known.missing = time.Time{}
	case known.missing.IsZero():
		known.missing = v.now()
	}
	v.mu.Unlock()
	v.announce()
}

// announce wakes the target's worker, and who waits for all targets. The workers of other targets sleep on: with a
// thousand targets, each of a thousand changes would wake a thousand.
func (v *view) announce() {
	v.own.announce()
	v.changes.announce()
}

// Add is called by the watch when the object was created.
func (v *view) Add(obj any) error { v.set(obj); return nil }

// Update is called by the watch when the object was changed.
func (v *view) Update(obj any) error { v.set(obj); return nil }

// Delete is called by the watch when the object was deleted.
func (v *view) Delete(any) error { v.set(nil); return nil }

// Replace is called by the watch with all there is: no object, or one.
func (v *view) Replace(objs []any, _ string) error {
	if len(objs) == 0 {
		v.set(nil)
		return nil
	}
	v.set(objs[0])
	return nil
}

// Resync is not needed: workers look at the state, not at events.
func (v *view) Resync() error { return nil }

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

// spare waits after a look at all targets for a few times as long as that took: a look at a thousand targets takes
// milliseconds, and while all of them are written, one would follow another without end.
func spare(ctx context.Context, took time.Duration) {
	_ = timing.Sleep(ctx, 4*took) // The caller looks whether ctx has ended.
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
