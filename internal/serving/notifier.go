// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// notifier tells when something happens in a directory, also when the directory is not there yet, or is replaced. It
// belongs to one goroutine.
type notifier struct {
	dir  string
	open func() (*fsnotify.Watcher, error) // nil: there are no notifications

	watcher *fsnotify.Watcher // nil: not armed
	watched os.FileInfo       // the directory that is watched; nil: only what is above it
}

func newNotifier(dir string, open func() (*fsnotify.Watcher, error)) *notifier {
	return &notifier{dir: dir, open: open}
}

// arm watches the directory that is at the path now. It is to be called before each reading, and does nothing when
// that directory is watched already.
func (n *notifier) arm() error {
	if n.open == nil || n.armed() {
		return nil
	}
	// A watch belongs to an inode, and the notifications of an old one may still be on their way: starting afresh
	// needs no bookkeeping.
	n.close()
	watcher, err := n.open()
	if err != nil {
		return fmt.Errorf("certificate directory %s is only polled, notifications need more inotify instances "+
			"(sysctl fs.inotify.max_user_instances): %w", n.dir, err)
	}
	n.watcher = watcher
	if err := n.add(); err != nil {
		n.close()
		return fmt.Errorf("certificate directory %s is only polled, notifications need permission to read it and more "+
			"inotify watches (sysctl fs.inotify.max_user_watches): %w", n.dir, err)
	}
	return nil
}

// armed says whether what is at the path now is what is watched.
func (n *notifier) armed() bool {
	if n.watcher == nil || n.watched == nil {
		return false
	}
	info, err := os.Stat(n.dir)
	return err == nil && os.SameFile(info, n.watched)
}

// add watches what is above the directory, to see it come and go, and the directory itself if it is there.
func (n *notifier) add() error {
	above := filepath.Dir(n.dir)
	for n.watcher.Add(above) != nil && above != filepath.Dir(above) {
		above = filepath.Dir(above)
	}
	info, err := os.Stat(n.dir)
	if err != nil {
		return nil //nolint:nilerr // Not there yet: reading it will say so.
	}
	if err := n.watcher.Add(n.dir); err != nil {
		return err
	}
	n.watched = info
	return nil
}

// wait returns when something happened and then nothing for the quiet time, when the timeout is over, or when ctx
// ends.
func (n *notifier) wait(ctx context.Context, timeout, quiet time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	var latest time.Time // when to return although things keep happening
	for n.happened(ctx, timer.C) {
		if latest.IsZero() {
			latest = time.Now().Add(10 * quiet)
		}
		timer.Reset(max(0, min(quiet, time.Until(latest))))
	}
}

// happened blocks until something happened that a reader has to look at, which is true, or the time is over.
func (n *notifier) happened(ctx context.Context, timeout <-chan time.Time) bool {
	var events chan fsnotify.Event
	var errs chan error
	if n.watcher != nil {
		events, errs = n.watcher.Events, n.watcher.Errors
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timeout:
			return false
		case <-errs: //nolint:errcheck // Whichever it is, the answer is the same.
			// Too many notifications, or none any more: what was missed is unknown.
			n.close()
			return true
		case event := <-events:
			if n.concerns(event) {
				return true
			}
		}
	}
}

// concerns says whether a notification is about the directory or something in it. When the directory comes, goes, or
// is replaced, the watches are given up: they are on what was there before.
func (n *notifier) concerns(event fsnotify.Event) bool {
	name := filepath.Clean(event.Name)
	if name == n.dir || strings.HasPrefix(n.dir, name+string(filepath.Separator)) {
		if event.Has(fsnotify.Create) || event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
			n.close()
		}
		return true
	}
	return filepath.Dir(name) == n.dir
}

// close gives up all watches. The notifier can be armed again afterwards.
func (n *notifier) close() {
	if n.watcher != nil {
		_ = n.watcher.Close()
	}
	n.watcher, n.watched = nil, nil
}
