// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

// WatcherOptions say what to watch and how patiently.
type WatcherOptions struct {
	// Dir is the directory that holds the files. It need not exist yet.
	Dir string
	// Files are the names of the files in it.
	Files Files
	// PollInterval is how often the files are read without a notification. Default 30 s.
	PollInterval time.Duration
	// Debounce is for how long there have to be no notifications before the files are read, so that somebody who
	// writes several can finish. Default 100 ms. Reading is never put off for more than ten times as long.
	Debounce time.Duration
	// Grace is for how long files may be missing or not fit each other before OnError is told. Default 2 s.
	Grace time.Duration
	// DisableNotify leaves only the polling, for network file systems where notifications do not come.
	DisableNotify bool
	// OnError is told what is wrong, once per PollInterval as long as it stays the same. Run calls it, and waits. By
	// default the error is logged.
	OnError func(error)
	// OnGood is told when files that OnError was told of are good again, also if they are those of before. Run calls it,
	// and waits. It may be nil.
	OnGood func()
}

// Watcher reads a pair that somebody else writes to a directory, again whenever it changes. It is made by
// [NewWatcher].
type Watcher struct {
	options WatcherOptions
	open    func() (*fsnotify.Watcher, error)
	now     func() time.Time
}

// NewWatcher returns a watcher that does nothing before [Watcher.Run]. It is an error when no directory is named, or
// when a file name leads out of it.
func NewWatcher(o WatcherOptions) (*Watcher, error) {
	if o.Dir == "" {
		return nil, errors.New("no certificate directory to watch: name the one that the certificate is written to")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding certificate directory %q: %w", o.Dir, err)
	}
	o.Dir, o.Files = dir, o.Files.withDefaults()
	if err := o.Files.validate(); err != nil {
		return nil, err
	}
	o.PollInterval = cmp.Or(o.PollInterval, 30*time.Second)
	o.Debounce = cmp.Or(o.Debounce, 100*time.Millisecond)
	o.Grace = cmp.Or(o.Grace, 2*time.Second)
	return &Watcher{options: o, open: fsnotify.NewWatcher, now: time.Now}, nil
}

// Run calls offer with the first good pair and with each one after that which differs from the one before, one call
// at a time, until ctx ends. Files that are missing, damaged or do not fit each other are read again with a growing
// delay and as soon as something changes; they never end Run. Its result is nil, so that it can be handed to an
// error group.
//
// The logger is taken from ctx.
func (w *Watcher) Run(ctx context.Context, offer func(context.Context, *Pair)) error {
	o := w.options
	f := follower[*Pair]{
		dir: o.Dir, poll: o.PollInterval, debounce: o.Debounce, grace: o.Grace, remind: o.PollInterval,
		open: w.opener(), now: w.now, onError: o.OnError, onGood: o.OnGood,
		read: func() (*Pair, error) { return readPair(o.Dir, o.Files) },
		same: (*Pair).Equal,
	}
	f.run(ctx, func(ctx context.Context, pair *Pair) {
		klog.FromContext(ctx).V(2).Info("Read a new key pair", "directory", o.Dir,
			"fingerprint", pair.Fingerprint(), "notAfter", pair.Leaf().NotAfter)
		logSkipped(ctx, o.Dir, pair.skipped)
		offer(ctx, pair)
	})
	return nil
}

// logSkipped says what of a file is not used.
func logSkipped(ctx context.Context, path string, skipped []string) {
	if len(skipped) > 0 {
		klog.FromContext(ctx).Info("Skipping PEM blocks: only those of type CERTIFICATE are used", "path", path,
			"skipped", skipped)
	}
}

// opener returns what makes notifications, nil when there shall be none.
func (w *Watcher) opener() func() (*fsnotify.Watcher, error) {
	if w.options.DisableNotify {
		return nil
	}
	return w.open
}
