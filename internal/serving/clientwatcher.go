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
)

// ClientWatcherOptions say where the client CAs are and who of their clients gets in.
type ClientWatcherOptions struct {
	// File is the PEM file of client CAs.
	File string
	// AllowedNames are as in [ParseClientAuth].
	AllowedNames []string
	// Current is what File held when it was read last; it is not offered again. Nil when it was not read yet.
	Current *ClientAuth
	// PollInterval, Debounce and Grace are as in [WatcherOptions], with the same defaults.
	PollInterval, Debounce, Grace time.Duration
	// OnError is told what is wrong with the file: once, and once an hour as long as it stays the same. Run calls it,
	// and waits. By default the error is logged.
	OnError func(error)
	// OnGood is told when a file that OnError was told of is good again. Run calls it, and waits. It may be nil.
	OnGood func()
}

// remindClients is how often a file that stays bad is told of: the last good one goes on working.
const remindClients = time.Hour

// ClientWatcher reads client CAs that somebody else writes, again whenever they change: in place, by renaming, or by
// the swap of a symbolic link as in a mounted ConfigMap. It is made by [NewClientWatcher].
type ClientWatcher struct {
	options ClientWatcherOptions
	dir     string
	open    func() (*fsnotify.Watcher, error)
}

// NewClientWatcher returns a watcher that does nothing before [ClientWatcher.Run]. It is an error when no file is
// named.
func NewClientWatcher(o ClientWatcherOptions) (*ClientWatcher, error) {
	if o.File == "" {
		return nil, errors.New("no client CA file to watch: name the PEM file of the clients' CAs")
	}
	path, err := filepath.Abs(o.File)
	if err != nil {
		return nil, fmt.Errorf("finding client CA file %q: %w", o.File, err)
	}
	o.File = path
	o.PollInterval = cmp.Or(o.PollInterval, 30*time.Second)
	o.Debounce = cmp.Or(o.Debounce, 100*time.Millisecond)
	o.Grace = cmp.Or(o.Grace, 2*time.Second)
	return &ClientWatcher{options: o, dir: filepath.Dir(path), open: fsnotify.NewWatcher}, nil
}

// Run calls offer with each good content of the file that differs from the one before, one call at a time, until ctx
// ends. A file that is missing, empty, damaged or half written never ends Run and is never offered. Its result is nil,
// so that it can be handed to an error group. The logger is taken from ctx.
func (w *ClientWatcher) Run(ctx context.Context, offer func(context.Context, *ClientAuth)) error {
	o := w.options
	f := follower[*ClientAuth]{
		dir: w.dir, poll: o.PollInterval, debounce: o.Debounce, grace: o.Grace, remind: remindClients,
		open: w.open, now: time.Now, onError: o.OnError, onGood: o.OnGood,
		last: o.Current,
		read: func() (*ClientAuth, error) { return ReadClientAuth(o.File, o.AllowedNames) },
		same: (*ClientAuth).Equal,
	}
	if o.Current != nil {
		logSkipped(ctx, o.File, o.Current.skipped)
	}
	f.run(ctx, func(ctx context.Context, clients *ClientAuth) {
		logSkipped(ctx, o.File, clients.skipped)
		offer(ctx, clients)
	})
	return nil
}
