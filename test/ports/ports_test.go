// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package ports

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestNoPortIsGivenTwice(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var mu sync.Mutex
	seen := map[int]bool{}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 10 {
				found, err := Free(t.Context(), 2)
				if err != nil || len(found) != 2 {
					t.Errorf("got %v, %v", found, err)
					return
				}
				mu.Lock()
				for _, port := range found {
					if seen[port] || port < first || port >= end {
						t.Errorf("port %d, after %d others", port, len(seen))
					}
					seen[port] = true
				}
				mu.Unlock()
			}
		})
	}
	callers.Wait()
}

func TestPortsInUseAreLeftOut(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	found, err := Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", next(found[0])))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	again, err := Free(t.Context(), 1)
	if err != nil || again[0] == next(found[0]) {
		t.Errorf("got %v, %v after %v; the one behind it is in use", again, err, found)
	}
}

func TestTheTurnGoesRound(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, content := range []string{"29999\n", "30000", "999999999999", "garbage", "-1"} {
		path := filepath.Join(dir, fmt.Sprintf("hookstrap-ports-%d", os.Getuid()))
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := Free(t.Context(), 1)
		if err != nil || found[0] < first || found[0] >= end {
			t.Errorf("after %q: got %v, %v", content, found, err)
		}
	}
}
