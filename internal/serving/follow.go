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
	// pollInterval is how often a path is read without a notification: one can be lost, and a link may lead to a directory
	// that no one watches.
	pollInterval = 30 * time.Second
	// quietTime is for how long nothing has to happen before a path is read, so that its writer can finish. Reading is
	// never put off for more than ten times as long.
	quietTime = 100 * time.Millisecond
	// graceTime is for how long files may be missing or not fit each other before OnError is told.
	graceTime = 2 * time.Second
	// remindClients is how often a file of client CAs that stays bad is told of: the last good one goes on working.
	remindClients = time.Hour
)

// FollowOptions say who hears of what cannot be used. Both functions are called by Run, which waits.
type FollowOptions struct {
	// OnError is told what is wrong, once for a while as long as it stays the same. By default the error is logged.
	OnError func(error)
	// OnGood is told when what OnError was told of is good again, also if it is as before. It may be nil.
	OnGood func()
}

// Follower reads what somebody else writes, again whenever it changes: in place, by renaming, or by the swap of a
// symbolic link as in a mounted Secret or ConfigMap. It is made by [FollowPair] or [FollowClients].
type Follower[T any] struct {
	FollowOptions

	path                       string // absolute: a directory, or a file in dir
	dir                        string
	poll, quiet, grace, remind time.Duration
	open                       func() (*fsnotify.Watcher, error) // nil: only poll
	now                        func() time.Time
	read                       func() (T, error)
	same                       func(a, b T) bool
	news                       func(context.Context, T) // logs what was read
	last                       T                        // what was offered last, or is in use already
	inUse                      bool                     // whether last is in use already
}

func newFollower[T any](path string, o FollowOptions) *Follower[T] {
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path // Relative to where we are, which is what the caller meant.
	}
	return &Follower[T]{
		FollowOptions: o, path: absolute, dir: absolute, open: fsnotify.NewWatcher, now: time.Now,
		poll: pollInterval, quiet: quietTime, grace: graceTime, remind: pollInterval, news: func(context.Context, T) {},
	}
}

// FollowPair follows the key pair in a directory, which need not exist yet.
func FollowPair(dir string, o FollowOptions) *Follower[*Pair] {
	f := newFollower[*Pair](dir, o)
	f.read, f.same = func() (*Pair, error) { return readPair(f.dir) }, (*Pair).Equal
	f.news = func(ctx context.Context, pair *Pair) {
		klog.FromContext(ctx).V(2).Info("Read a new key pair", "directory", f.dir, "fingerprint", pair.Fingerprint(),
			"notAfter", pair.Leaf().NotAfter)
		logSkipped(ctx, f.dir, pair.skipped)
	}
	return f
}

// FollowClients follows a PEM file of client CAs. The allowed names are as in [ParseClientAuth]; current is what the
// file held when it was read last, which is not offered again, or nil.
func FollowClients(file string, allowedNames []string, current *ClientAuth, o FollowOptions) *Follower[*ClientAuth] {
	f := newFollower[*ClientAuth](file, o)
	f.dir, f.remind, f.last, f.inUse = filepath.Dir(f.path), remindClients, current, current != nil
	f.read = func() (*ClientAuth, error) { return ReadClientAuth(f.path, allowedNames) }
	f.same = (*ClientAuth).Equal
	f.news = func(ctx context.Context, clients *ClientAuth) { logSkipped(ctx, f.path, clients.skipped) }
	return f
}

// WatchFile calls changed whenever the file at path has become another one than it was, until ctx ends. It blocks. What
// the file was when WatchFile is called is no change; that it cannot be read is one, and so is that it can be again.
// The file and its directory need not exist.
//
// Calls come one at a time, and the next waits for the one before. What changed is for the callee to read, and to
// judge.
func WatchFile(ctx context.Context, path string, changed func()) {
	_ = followFile(ctx, path).Run(ctx, func(context.Context, [sha256.Size]byte) { changed() }) // It has no failure.
}

func followFile(ctx context.Context, path string) *Follower[[sha256.Size]byte] {
	f := newFollower[[sha256.Size]byte](path, FollowOptions{OnError: func(err error) {
		klog.FromContext(ctx).Error(err, "Changes of the file are noticed late", "file", path, "within", pollInterval)
	}})
	f.dir = filepath.Dir(f.path)
	f.read = func() ([sha256.Size]byte, error) { return fingerprintFile(f.path), nil }
	f.same = func(a, b [sha256.Size]byte) bool { return a == b }
	f.last = fingerprintFile(f.path)
	return f
}

// fingerprintFile tells contents apart. A file that cannot be read has one as well, whatever the reason.
func fingerprintFile(path string) [sha256.Size]byte {
	data, err := readFile(filepath.Split(path))
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(data)
}

// Run calls offer with the first good reading and with each one after that which differs from the one before, one call
// at a time, until ctx ends. What is missing, damaged or half written is read again with a growing delay and as soon as
// something changes; it never ends Run and is never offered. The result is nil, so that Run can be handed to an error
// group. The logger is taken from ctx.
func (f *Follower[T]) Run(ctx context.Context, offer func(context.Context, T)) error {
	notifications := newNotifier(f.dir, f.open)
	defer notifications.close()
	// Two of them: files and notifications fail independently, and neither's news should hide the other's.
	files := patience{grace: f.grace, interval: f.poll, remind: f.remind}
	watch := patience{interval: f.poll, remind: f.remind}
	if f.inUse {
		f.news(ctx, f.last)
	}
	for ctx.Err() == nil {
		// First watch, then read: what changes after the reading is notified.
		f.tell(ctx, &watch, notifications.arm())
		current, err := f.read()
		bad := files.told != ""
		f.tell(ctx, &files, err)
		if err == nil && bad && f.OnGood != nil {
			f.OnGood()
		}
		if err == nil && !f.same(current, f.last) {
			f.last = current
			f.news(ctx, current)
			offer(ctx, current)
		}
		notifications.wait(ctx, files.delay(), f.quiet)
	}
	return nil
}

// tell passes an error on unless it is too young or was told just now.
func (f *Follower[T]) tell(ctx context.Context, p *patience, err error) {
	switch told := p.observe(err, f.now()); {
	case !told:
	case f.OnError != nil:
		f.OnError(err)
	default:
		klog.FromContext(ctx).Error(err, "Certificate directory needs attention", "directory", f.dir)
	}
}

// logSkipped says what of a file is not used.
func logSkipped(ctx context.Context, path string, skipped []string) {
	if len(skipped) > 0 {
		klog.FromContext(ctx).Info("Skipping PEM blocks: only those of type CERTIFICATE are used", "path", path,
			"skipped", skipped)
	}
}

// firstRetry is how soon after the first failure the files are read again.
const firstRetry = 250 * time.Millisecond

// patience decides when a failure is worth telling, and when to try again. It is pure: the time is passed in.
type patience struct {
	grace    time.Duration // failures younger than this are not told
	interval time.Duration // the longest delay between tries
	remind   time.Duration // the shortest time between telling the same thing twice

	since    time.Time // when the failures began; zero while all is well
	failures int       // how many there were in a row
	told     string    // what was told last
	toldAt   time.Time
}

// observe takes the outcome of a try, and says whether to tell the error.
func (p *patience) observe(err error, now time.Time) bool {
	if err == nil {
		*p = patience{grace: p.grace, interval: p.interval, remind: p.remind}
		return false
	}
	if p.failures++; p.failures == 1 {
		p.since = now
	}
	if now.Sub(p.since) < p.grace {
		return false
	}
	if err.Error() == p.told && now.Sub(p.toldAt) < p.remind {
		return false
	}
	p.told, p.toldAt = err.Error(), now
	return true
}

// delay is how long to wait before trying again unasked: the interval when all is well, else from a quarter of a
// second doubling up to the interval.
func (p *patience) delay() time.Duration {
	if p.failures == 0 {
		return p.interval
	}
	return min(firstRetry<<min(p.failures-1, 20), p.interval) // 2^20 is more than any interval, and no overflow.
}
