// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watched is a running watcher.
type watched struct {
	offers chan *Pair
	errs   chan error
}

// watch runs a watcher until the test ends. Unless the options say otherwise it polls once an hour, so that whatever it
// finds it found by notifications.
func watch(t *testing.T, dir string, prepare func(*Follower[*Pair])) watched {
	t.Helper()
	seen := watched{make(chan *Pair, 1000), make(chan error, 1000)}
	w := FollowPair(dir, FollowOptions{OnError: func(err error) { seen.errs <- err }})
	w.poll, w.remind, w.quiet = time.Hour, time.Hour, 20*time.Millisecond
	if prepare != nil {
		prepare(w)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		result <- w.Run(ctx, func(_ context.Context, p *Pair) { seen.offers <- p })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v, want nil when its context ends", err)
		}
	})
	return seen
}

// want fails the test unless the next pair offered is p.
func (s watched) want(t *testing.T, p *Pair) {
	t.Helper()
	select {
	case got := <-s.offers:
		if !got.Equal(p) {
			t.Fatalf("offered %v with %d CAs, want %v with %d", got, len(got.CAs()), p, len(p.CAs()))
		}
	case <-time.After(patiently):
		t.Fatalf("pair %v is not offered; errors: %d", p, len(s.errs))
	}
}

// wantError fails the test unless an error with the text is reported; others are skipped.
func (s watched) wantError(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(patiently)
	for {
		select {
		case err := <-s.errs:
			if strings.Contains(err.Error(), text) {
				return
			}
		case <-timeout:
			t.Fatalf("no error with %q is reported", text)
		}
	}
}

// copyTo writes the files of a pair one by one, as cp does.
func copyTo(t *testing.T, p *Pair, dir string) {
	t.Helper()
	if !bytes.Equal(read(t, dir, "ca.crt"), p.CAPEM()) {
		write(t, p.CAPEM(), dir, "ca.crt")
	}
	write(t, p.CertPEM(), dir, "tls.crt")
	write(t, keyPEM(t, p), dir, "tls.key")
}

// moveTo renames the files of a pair over those in dir, as careful scripts do.
func moveTo(t *testing.T, p *Pair, dir string) {
	t.Helper()
	from := t.TempDir()
	copyTo(t, p, from)
	for _, name := range []string{"tls.key", "tls.crt", "ca.crt"} {
		must(t, os.Rename(filepath.Join(from, name), filepath.Join(dir, name)))
	}
}

// projectTo swaps in a pair as the kubelet does.
func projectTo(t *testing.T, p *Pair, dir string) {
	t.Helper()
	d, err := OpenDirectory(dir)
	must(t, err)
	save(t, d, p)
}

func TestFollowerFollowsEveryWayOfWriting(t *testing.T) {
	root := newRoot(t, "root")
	for name, put := range map[string]func(t *testing.T, p *Pair, dir string){
		"a symbolic link swapped": projectTo,
		"copied in place":         copyTo,
		"renamed over":            moveTo,
		"removed and copied": func(t *testing.T, p *Pair, dir string) {
			for _, name := range names(t, dir) {
				must(t, os.Remove(filepath.Join(dir, name)))
			}
			copyTo(t, p, dir)
		},
		"directory deleted and created": func(t *testing.T, p *Pair, dir string) {
			must(t, os.RemoveAll(dir), os.Mkdir(dir, 0o700))
			copyTo(t, p, dir)
		},
		"directory moved away": func(t *testing.T, p *Pair, dir string) {
			must(t, os.Rename(dir, filepath.Join(t.TempDir(), "old")), os.Mkdir(dir, 0o700))
			copyTo(t, p, dir)
		},
		"a bundle instead": func(t *testing.T, p *Pair, dir string) {
			must(t, os.RemoveAll(dir), os.Mkdir(dir, 0o700))
			write(t, p.CAPEM(), dir, "ca.crt")
			write(t, slices.Concat(keyPEM(t, p), p.CertPEM()), dir, "credentialbundle.pem")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "certificates")
			must(t, os.Mkdir(dir, 0o700))
			first := newPair(t, root)
			put(t, first, dir)
			seen := watch(t, dir, func(w *Follower[*Pair]) { w.grace = time.Hour })
			seen.want(t, first)
			for range 5 {
				next := newPair(t, root)
				put(t, next, dir)
				seen.want(t, next)
			}
			if n := len(seen.offers); n > 0 {
				t.Errorf("%d pairs more were offered than written", n)
			}
		})
	}
}

func TestFollowerWaitsForADirectoryThatIsNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet", "certificates")
	seen := watch(t, dir, func(w *Follower[*Pair]) { w.grace = time.Nanosecond })
	seen.wantError(t, "neither tls.crt and tls.key nor credentialbundle.pem are in certificate directory "+dir)
	must(t, os.MkdirAll(dir, 0o700))
	pair := newPair(t, newRoot(t, "root"))
	copyTo(t, pair, dir)
	seen.want(t, pair)
}

func TestFollowerKeepsTheLastGoodPairAndTells(t *testing.T) {
	root, dir := newRoot(t, "root"), t.TempDir()
	first, second := newPair(t, root), newPair(t, root)
	copyTo(t, first, dir)
	seen := watch(t, dir, func(w *Follower[*Pair]) { w.grace = time.Nanosecond })
	seen.want(t, first)

	key := keyPEM(t, second)
	write(t, second.CertPEM(), dir, "tls.crt")
	seen.wantError(t, "do not make a pair")
	write(t, key[:len(key)/2], dir, "tls.key")
	seen.wantError(t, "still being written")
	write(t, key, dir, "tls.key")
	seen.want(t, second)

	must(t, os.Remove(filepath.Join(dir, "tls.key")))
	seen.wantError(t, "tls.key")
	write(t, key, dir, "tls.key")
	// It is the pair that was offered last: the next one offered is another one.
	third := newPair(t, root)
	moveTo(t, third, dir)
	seen.want(t, third)
}

func TestFollowerIsQuietAboutFilesBeingWritten(t *testing.T) {
	root, dir := newRoot(t, "root"), t.TempDir()
	seen := watch(t, dir, func(w *Follower[*Pair]) { w.grace = time.Hour })
	for range 20 {
		pair := newPair(t, root)
		copyTo(t, pair, dir)
		seen.want(t, pair)
	}
	if len(seen.errs) > 0 {
		t.Errorf("the watcher complains about files being written: %v", <-seen.errs)
	}
}

func TestFollowerOffersOnlyChanges(t *testing.T) {
	root, dir := newRoot(t, "root"), t.TempDir()
	d, err := OpenDirectory(dir)
	must(t, err)
	first := newPair(t, root)
	save(t, d, first)
	seen := watch(t, dir, func(w *Follower[*Pair]) { w.poll, w.remind = time.Millisecond, time.Millisecond })
	seen.want(t, first)
	for range 10 {
		save(t, d, first)
	}
	// Only the CAs differ, as when the kubelet projects another trust bundle.
	second, err := NewPair(first.chain, first.key, []*x509.Certificate{root.cert, newRoot(t, "next").cert})
	must(t, err)
	save(t, d, second)
	seen.want(t, second)
}

func TestFollowerPollsWithoutNotifications(t *testing.T) {
	root, dir := newRoot(t, "root"), t.TempDir()
	seen := watch(t, dir, func(w *Follower[*Pair]) {
		w.open, w.grace, w.poll, w.remind = nil, time.Hour, time.Millisecond, time.Millisecond
	})
	for range 5 {
		pair := newPair(t, root)
		projectTo(t, pair, dir)
		seen.want(t, pair)
	}
}

func TestFollowerPollsUntilNotificationsWork(t *testing.T) {
	root, dir := newRoot(t, "root"), t.TempDir()
	var broken atomic.Bool
	broken.Store(true)
	worked := make(chan struct{})
	seen := watch(t, dir, func(w *Follower[*Pair]) {
		w.grace, w.poll, w.remind = time.Hour, time.Millisecond, time.Millisecond
		w.open = func() (*fsnotify.Watcher, error) {
			if broken.Load() {
				return nil, errors.New("too many open files")
			}
			defer close(worked)
			return fsnotify.NewWatcher()
		}
	})
	seen.wantError(t, "only polled")
	pair := newPair(t, root)
	projectTo(t, pair, dir)
	seen.want(t, pair)
	broken.Store(false)
	select {
	case <-worked:
	case <-time.After(patiently):
		t.Error("the watcher does not try notifications again")
	}
}

// TestFollowerMissesNothingWhileItsReceiverIsBusy changes the files while a pair is being offered.
func TestFollowerMissesNothingWhileItsReceiverIsBusy(t *testing.T) {
	root, dir := newRoot(t, "root"), t.TempDir()
	d, err := OpenDirectory(dir)
	must(t, err)
	w := FollowPair(dir, FollowOptions{})
	w.poll, w.quiet = time.Hour, time.Millisecond
	save(t, d, newPair(t, root))
	ctx, cancel := context.WithTimeout(t.Context(), patiently)
	defer cancel()
	var expected *Pair
	offers := 0
	must(t, w.Run(ctx, func(_ context.Context, p *Pair) {
		if offers > 0 && !p.Equal(expected) {
			t.Errorf("offer %d is %v, want %v", offers, p, expected)
		}
		if offers++; offers == 10 {
			cancel()
			return
		}
		expected = newPair(t, root)
		save(t, d, expected)
	}))
	if offers != 10 {
		t.Errorf("there were %d offers, want 10", offers)
	}
}
