// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// patiently is longer than anything takes, and shorter than the time a test may run.
const patiently = 30 * time.Second

// must fails the test when one of the errors is not nil.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// armed returns a notifier that watches dir.
func armed(t *testing.T, dir string) *notifier {
	t.Helper()
	n := newNotifier(dir, fsnotify.NewWatcher)
	t.Cleanup(n.close)
	must(t, n.arm())
	return n
}

// wantNotified fails the test unless the notifier notices something.
func wantNotified(t *testing.T, n *notifier, what string) {
	t.Helper()
	if !n.happened(t.Context(), time.After(patiently)) {
		t.Fatalf("nobody notices: %s", what)
	}
}

func TestNotifierNotices(t *testing.T) {
	for name, tc := range map[string]struct {
		before, act func(t *testing.T, dir string) error
	}{
		"a new file": {nil, func(_ *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, "tls.crt"), nil, 0o600)
		}},
		"a file written": {
			func(_ *testing.T, dir string) error { return os.WriteFile(filepath.Join(dir, "tls.crt"), nil, 0o600) },
			func(_ *testing.T, dir string) error {
				return os.WriteFile(filepath.Join(dir, "tls.crt"), []byte("new"), 0o600)
			},
		},
		"a link swapped": {
			func(_ *testing.T, dir string) error { return os.Symlink("a", filepath.Join(dir, "..data")) },
			func(_ *testing.T, dir string) error { return relink(dir, "..data", "b") },
		},
		"a file renamed over another": {
			func(t *testing.T, dir string) error {
				write(t, nil, dir, "tls.crt")
				write(t, nil, filepath.Dir(dir), "tls.crt.new")
				return nil
			},
			func(_ *testing.T, dir string) error {
				return os.Rename(filepath.Join(filepath.Dir(dir), "tls.crt.new"), filepath.Join(dir, "tls.crt"))
			},
		},
		"a file removed": {
			func(_ *testing.T, dir string) error { return os.WriteFile(filepath.Join(dir, "tls.crt"), nil, 0o600) },
			func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, "tls.crt")) },
		},
		"permissions given": {
			func(_ *testing.T, dir string) error { return os.WriteFile(filepath.Join(dir, "tls.crt"), nil, 0o200) },
			func(_ *testing.T, dir string) error { return os.Chmod(filepath.Join(dir, "tls.crt"), 0o600) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "certificates")
			must(t, os.Mkdir(dir, 0o700))
			if tc.before != nil {
				must(t, tc.before(t, dir))
			}
			n := armed(t, dir)
			must(t, tc.act(t, dir))
			wantNotified(t, n, name)
		})
	}
}

// TestNotifierFollowsThePath takes the directory away and puts another one there in all the ways that people and volumes
// do, and then writes to the new one.
func TestNotifierFollowsThePath(t *testing.T) {
	for name, replace := range map[string]func(dir string) error{
		"deleted and created": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) },
		"moved away and created": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o700))
		},
		"a link to another directory": func(dir string) error {
			return errors.Join(os.Mkdir(dir+".new", 0o700), os.Rename(dir, dir+".old"), os.Symlink(dir+".new", dir))
		},
		"the one above deleted too": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Dir(dir)), os.MkdirAll(dir, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "volumes", "certificates")
			must(t, os.MkdirAll(dir, 0o700))
			n := armed(t, dir)
			must(t, replace(dir))
			wantNotified(t, n, "the directory was replaced")
			// Also what was notified about the old directory since.
			for must(t, n.arm()); n.watched == nil; must(t, n.arm()) {
				wantNotified(t, n, "the new directory")
			}
			must(t, os.WriteFile(filepath.Join(dir, "tls.crt"), nil, 0o600))
			wantNotified(t, n, "a file in the new directory")
		})
	}
}

func TestNotifierWaitsForADirectoryThatIsNotThere(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b", "certificates")
	n := armed(t, dir)
	for _, path := range []string{filepath.Join(top, "a"), filepath.Join(top, "a", "b"), dir} {
		must(t, os.Mkdir(path, 0o700))
		wantNotified(t, n, path+" was created")
		must(t, n.arm())
	}
	must(t, os.WriteFile(filepath.Join(dir, "tls.crt"), nil, 0o600))
	wantNotified(t, n, "a file in the new directory")
}

func TestNotifierIsNotConcernedByNeighbors(t *testing.T) {
	n := newNotifier("/volumes/certificates", nil)
	for name, want := range map[string]bool{
		"/volumes/certificates":         true,
		"/volumes":                      true,
		"/volumes/certificates/tls.crt": true,
		"/volumes/certificates/..data":  true,
		"/volumes/certificates.old":     false,
		"/volumes/other":                false,
		"/vol":                          false,
		"/volumes/certificates/a/b":     false,
		"":                              false,
	} {
		if got := n.concerns(fsnotify.Event{Name: name, Op: fsnotify.Write}); got != want {
			t.Errorf("concerns(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestNotifierStartsAfreshAfterAnError(t *testing.T) {
	n := armed(t, t.TempDir())
	first := n.watcher
	go func() {
		select {
		case first.Errors <- fsnotify.ErrEventOverflow:
		case <-t.Context().Done():
		}
	}()
	wantNotified(t, n, "an overflow")
	if n.watcher != nil {
		t.Error("the watches with missed notifications are kept")
	}
	must(t, n.arm())
	must(t, os.WriteFile(filepath.Join(n.dir, "tls.crt"), nil, 0o600))
	wantNotified(t, n, "a file written after the overflow")
}

func TestNotifierWithoutWatches(t *testing.T) {
	n := newNotifier(t.TempDir(), func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") })
	if err := n.arm(); err == nil || !strings.Contains(err.Error(), "max_user_instances") {
		t.Errorf("arm = %v, want an error that names the limit", err)
	}
	if n.happened(t.Context(), time.After(0)) {
		t.Error("something happened although nothing is watched")
	}
	if err := newNotifier(t.TempDir(), nil).arm(); err != nil {
		t.Errorf("arm with notifications switched off = %v", err)
	}
}

func TestNotifierArmsOnce(t *testing.T) {
	n := armed(t, t.TempDir())
	first := n.watcher
	must(t, n.arm())
	if n.watcher != first {
		t.Error("a directory that did not change is watched anew")
	}
}

// TestNotifierWaitsForQuiet runs on the clock of a bubble, with notifications that come at given times.
func TestNotifierWaitsForQuiet(t *testing.T) {
	const quiet = 100 * time.Millisecond
	for name, tc := range map[string]struct {
		every time.Duration
		count int
		want  time.Duration
	}{
		"nothing happens":  {0, 0, time.Minute},
		"one notification": {50 * time.Millisecond, 1, 150 * time.Millisecond},
		"three in a row":   {50 * time.Millisecond, 3, 250 * time.Millisecond},
		"two with a pause": {150 * time.Millisecond, 2, 250 * time.Millisecond},
		"without an end":   {50 * time.Millisecond, 1000, 1050 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNotifier("/certificates", nil)
				n.watcher = &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					tick := time.NewTicker(max(tc.every, 1))
					defer tick.Stop()
					for range tc.count {
						select {
						case <-tick.C:
						case <-ctx.Done():
							return
						}
						select {
						case n.watcher.Events <- fsnotify.Event{Name: "/certificates/tls.crt", Op: fsnotify.Write}:
						case <-ctx.Done():
							return
						}
					}
				}()
				start := time.Now()
				n.wait(ctx, time.Minute, quiet)
				if got := time.Since(start); got != tc.want {
					t.Errorf("waited %v, want %v", got, tc.want)
				}
				cancel()
			})
		})
	}
}
