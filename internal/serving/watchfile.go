// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

const (
	// filePoll is how often a file is read without a notification: one can be lost, and a link may lead to a directory
	// that no one watches.
	filePoll = 30 * time.Second
	// fileQuiet is for how long nothing has to happen before a file is read, so that its writer can finish.
	fileQuiet = 100 * time.Millisecond
)

// WatchFile calls changed whenever the file at path has become another one than it was, until ctx ends. It blocks. What
// the file was when WatchFile is called is no change; that it cannot be read is one, and so is that it can be again.
// The file and its directory need not exist. Symbolic links are followed as they are swapped, as the kubelet does in a
// volume.
//
// Calls come one at a time, and the next waits for the one before. What changed is for the callee to read, and to
// judge.
func WatchFile(ctx context.Context, path string, changed func()) {
	watchFile(ctx, path, fsnotify.NewWatcher, changed)
}

func watchFile(ctx context.Context, path string, open func() (*fsnotify.Watcher, error), changed func()) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path // Relative to where we are, which is what the caller meant.
	}
	dir, name := filepath.Split(absolute)
	notifications := newNotifier(filepath.Clean(dir), open)
	defer notifications.close()
	watch := patience{interval: filePoll}
	last := fingerprintFile(dir, name)
	for ctx.Err() == nil {
		// First watch, then read: what changes after the reading is notified.
		if err := notifications.arm(); watch.observe(err, time.Now()) {
			klog.FromContext(ctx).Error(err, "Changes of the file are noticed late", "file", absolute, "within", filePoll)
		}
		if now := fingerprintFile(dir, name); now != last {
			last = now
			changed()
		}
		notifications.wait(ctx, filePoll, fileQuiet)
	}
}

// fingerprintFile tells contents apart. A file that cannot be read has one as well, whatever the reason.
func fingerprintFile(dir, name string) [sha256.Size]byte {
	data, err := readFile(dir, name)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(data)
}
