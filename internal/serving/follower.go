// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

// follower reads something from a directory, again whenever the directory changes and slowly besides.
type follower[T any] struct {
	dir      string
	poll     time.Duration
	debounce time.Duration
	grace    time.Duration // failures younger than this are not told
	remind   time.Duration // how often the same failure is told
	open     func() (*fsnotify.Watcher, error)
	now      func() time.Time
	onError  func(error) // nil: log it
	onGood   func()      // what onError was told of a reading is over; nil reports nothing
	read     func() (T, error)
	same     func(a, b T) bool
	last     T // what was offered last
}

// run calls offer with the first thing that can be read and with each one after that which differs from the one
// before, one call at a time, until ctx ends.
func (f *follower[T]) run(ctx context.Context, offer func(context.Context, T)) {
	notifications := newNotifier(f.dir, f.open)
	defer notifications.close()
	// Two of them: files and notifications fail independently, and neither's news should hide the other's.
	files := patience{grace: f.grace, interval: f.poll, remind: f.remind}
	watch := patience{interval: f.poll, remind: f.remind}
	for ctx.Err() == nil {
		// First watch, then read: what changes after the reading is notified.
		f.tell(ctx, &watch, notifications.arm())
		current, err := f.read()
		bad := files.told != ""
		f.tell(ctx, &files, err)
		if err == nil && bad && f.onGood != nil {
			f.onGood()
		}
		if err == nil && !f.same(current, f.last) {
			f.last = current
			offer(ctx, current)
		}
		notifications.wait(ctx, files.delay(), f.debounce)
	}
}

// tell passes an error on unless it is too young or was told just now.
func (f *follower[T]) tell(ctx context.Context, p *patience, err error) {
	switch told := p.observe(err, f.now()); {
	case !told:
	case f.onError != nil:
		f.onError(err)
	default:
		klog.FromContext(ctx).Error(err, "Certificate directory needs attention", "directory", f.dir)
	}
}
