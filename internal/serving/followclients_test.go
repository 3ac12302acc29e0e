// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

const clientFile = "clients.crt"

// watchedClients is a running watcher of client CAs.
type watchedClients struct {
	offers chan *ClientAuth
	errs   chan error
}

// watchClients runs a watcher until the test ends. Unless the options say otherwise it polls once an hour, so that
// whatever it finds it found by notifications.
func watchClients(t *testing.T, dir string, current *ClientAuth, prepare func(*Follower[*ClientAuth])) watchedClients {
	t.Helper()
	seen := watchedClients{make(chan *ClientAuth, 1000), make(chan error, 1000)}
	var names []string
	if current != nil {
		names = []string{"name"}
	}
	w := FollowClients(filepath.Join(dir, clientFile), names, current,
		FollowOptions{OnError: func(err error) { seen.errs <- err }})
	w.poll, w.quiet = time.Hour, 20*time.Millisecond
	prepare(w)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- w.Run(ctx, func(_ context.Context, a *ClientAuth) { seen.offers <- a }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v, want nil when its context ends", err)
		}
	})
	return seen
}

func (s watchedClients) want(t *testing.T, a *ClientAuth) {
	t.Helper()
	select {
	case got := <-s.offers:
		if !got.Equal(a) {
			t.Fatalf("offered are other client CAs: %d of them, want %d", len(got.CAs()), len(a.CAs()))
		}
	case <-time.After(patiently):
		t.Fatalf("the client CAs are not offered; errors: %d", len(s.errs))
	}
}

func (s watchedClients) wantError(t *testing.T, text string) {
	t.Helper()
	select {
	case err := <-s.errs:
		if !strings.Contains(err.Error(), text) {
			t.Fatalf("told is %q, want %q", err, text)
		}
	case <-time.After(patiently):
		t.Fatalf("no error with %q is told", text)
	}
}

// project swaps in a file as the kubelet does for a ConfigMap.
func project(t *testing.T, data []byte, dir string) {
	t.Helper()
	generation, err := writeGeneration(dir, map[string][]byte{clientFile: data})
	must(t, err, relink(dir, dataLink, generation))
	must(t, relink(dir, clientFile, filepath.Join(dataLink, clientFile)), sweep(dir))
}

func TestFollowClientsFollowsEveryWayOfWriting(t *testing.T) {
	for name, put := range map[string]func(t *testing.T, data []byte, dir string){
		"a symbolic link swapped": project,
		"copied in place": func(t *testing.T, data []byte, dir string) {
			t.Helper()
			write(t, data, dir, clientFile)
		},
		"renamed over": func(t *testing.T, data []byte, dir string) {
			t.Helper()
			write(t, data, dir, "new")
			must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, clientFile)))
		},
		"removed and copied": func(t *testing.T, data []byte, dir string) {
			t.Helper()
			_ = os.Remove(filepath.Join(dir, clientFile))
			write(t, data, dir, clientFile)
		},
		"directory deleted and created": func(t *testing.T, data []byte, dir string) {
			t.Helper()
			must(t, os.RemoveAll(dir), os.Mkdir(dir, 0o700))
			write(t, data, dir, clientFile)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "clients")
			must(t, os.Mkdir(dir, 0o700))
			first := newRoot(t, "first")
			put(t, bundleOf(first), dir)
			current, err := ReadClientAuth(filepath.Join(dir, clientFile), []string{"name"})
			must(t, err)
			seen := watchClients(t, dir, current, func(w *Follower[*ClientAuth]) { w.grace = time.Hour })
			for _, cas := range [][]issuer{{first, newRoot(t, "second")}, {newRoot(t, "third")}, {first}} {
				put(t, bundleOf(cas...), dir)
				seen.want(t, admitting(t, []string{"name"}, cas...))
			}
			if n := len(seen.offers); n > 0 {
				t.Errorf("%d more were offered than written", n)
			}
		})
	}
}

// TestFollowClientsTellsOnceAndOffersNothingBad: each kind of badness once, although it is read again all the time.
func TestFollowClientsTellsOnceAndOffersNothingBad(t *testing.T) {
	dir, first, second := t.TempDir(), newRoot(t, "first"), newRoot(t, "second")
	good := bundleOf(first)
	write(t, good, dir, clientFile)
	seen := watchClients(t, dir, nil, func(w *Follower[*ClientAuth]) { w.poll, w.grace = time.Millisecond, time.Nanosecond })
	seen.want(t, admitting(t, nil, first))
	half := good[:len(good)-40]
	for _, step := range []struct {
		put  func()
		want string
	}{
		{func() { moveIn(t, []byte("garbage"), dir) }, "no CERTIFICATE block in the client CAs (7 bytes)"},
		{func() { moveIn(t, nil, dir) }, "no CERTIFICATE block in the client CAs (0 bytes)"},
		{func() { moveIn(t, half, dir) }, "still being written"},
		{func() { must(t, os.Remove(filepath.Join(dir, clientFile))) }, "no such file"},
	} {
		step.put()
		seen.wantError(t, step.want)
	}
	moveIn(t, bundleOf(second), dir)
	seen.want(t, admitting(t, nil, second))
	if len(seen.errs) > 0 || len(seen.offers) > 0 {
		t.Errorf("%d more errors and %d more offers", len(seen.errs), len(seen.offers))
	}
	// The same badness as before is news again, because the file was good during that time.
	moveIn(t, []byte("garbage"), dir)
	seen.wantError(t, "no CERTIFICATE block in the client CAs (7 bytes)")
}

// moveIn replaces the file in one step.
func moveIn(t *testing.T, data []byte, dir string) {
	t.Helper()
	from := t.TempDir()
	write(t, data, from, clientFile)
	must(t, os.Rename(filepath.Join(from, clientFile), filepath.Join(dir, clientFile)))
}

func TestFollowClientsPollsWithoutNotifications(t *testing.T) {
	dir := t.TempDir()
	write(t, bundleOf(newRoot(t, "first")), dir, clientFile)
	seen := watchClients(t, dir, nil, func(w *Follower[*ClientAuth]) {
		w.poll, w.grace = time.Millisecond, time.Hour
		w.open = func() (*fsnotify.Watcher, error) { return nil, os.ErrPermission }
	})
	for range 3 {
		ca := newRoot(t, "next")
		moveIn(t, bundleOf(ca), dir)
		for a := range seen.offers {
			if a.Equal(admitting(t, nil, ca)) {
				break
			}
		}
	}
}
