// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watching runs what [WatchFile] does until the test ends. What comes out of the channel is one call each.
func watching(t *testing.T, path string) <-chan struct{} {
	t.Helper()
	armed, calls := make(chan struct{}, 100), make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	open := func() (*fsnotify.Watcher, error) {
		armed <- struct{}{}
		return fsnotify.NewWatcher()
	}
	f := followFile(ctx, path)
	f.open = open
	running.Go(func() { _ = f.Run(ctx, func(context.Context, [sha256.Size]byte) { calls <- struct{}{} }) })
	t.Cleanup(func() { cancel(); running.Wait() })
	<-armed // What the file was is known by now.
	return calls
}

func wantCall(t *testing.T, calls <-chan struct{}, why string) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(patiently):
		t.Fatalf("nobody is told: %s", why)
	}
}

func TestWatchFileTellsOfOtherContent(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"written":      func(path string) error { return os.WriteFile(path, []byte("new"), 0o600) },
		"removed":      os.Remove,
		"renamed onto": func(path string) error { return renamed(path, "new") },
		"moved away with its directory": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old")
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "volume", "ca.crt")
			must(t, os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("old"), 0o600))
			calls := watching(t, path)
			must(t, change(path))
			wantCall(t, calls, name)
		})
	}
}

// renamed puts a new file in place of another in one step.
func renamed(path, content string) error {
	if err := os.WriteFile(path+".next", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".next", path)
}

// TestWatchFileFollowsAVolume: the visible name is a link through another link, which is what is swapped.
func TestWatchFileFollowsAVolume(t *testing.T) {
	dir := t.TempDir()
	for _, generation := range []string{"..1", "..2"} {
		must(t, os.Mkdir(filepath.Join(dir, generation), 0o700),
			os.WriteFile(filepath.Join(dir, generation, "ca.crt"), []byte(generation), 0o600))
	}
	must(t, os.Symlink("..1", filepath.Join(dir, "..data")),
		os.Symlink(filepath.Join("..data", "ca.crt"), filepath.Join(dir, "ca.crt")))
	calls := watching(t, filepath.Join(dir, "ca.crt"))
	must(t, relink(dir, "..data", "..2"))
	wantCall(t, calls, "the link was swapped")
}

func TestWatchFileWaitsForTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "later", "ca.crt")
	calls := watching(t, path)
	must(t, os.Mkdir(filepath.Dir(path), 0o700), renamed(path, "first"))
	wantCall(t, calls, "the file has come")
	must(t, renamed(path, "second"))
	wantCall(t, calls, "the file has changed")
}

// TestWatchFileTellsNothingOfNothing: a file that is written again with the same content, and one next to it, are no
// news. The change that follows ends the wait: one call comes, and not two.
func TestWatchFileTellsNothingOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.crt")
	must(t, os.WriteFile(path, []byte("same"), 0o600))
	var mu sync.Mutex
	var seen []string
	calls := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	armed := make(chan struct{}, 100)
	var running sync.WaitGroup
	f := followFile(ctx, path)
	f.open = func() (*fsnotify.Watcher, error) { armed <- struct{}{}; return fsnotify.NewWatcher() }
	running.Go(func() {
		_ = f.Run(ctx, func(context.Context, [sha256.Size]byte) {
			data, _ := os.ReadFile(path)
			mu.Lock()
			seen = append(seen, string(data))
			mu.Unlock()
			calls <- struct{}{}
		})
	})
	<-armed
	must(t, renamed(path, "same"), os.WriteFile(path+".other", nil, 0o600), renamed(path, "new"))
	wantCall(t, calls, "the content has changed")
	cancel()
	running.Wait()
	if len(seen) != 1 || seen[0] != "new" {
		t.Errorf("told of %q, want of the new content alone", seen)
	}
}
