// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ports gives TCP ports to servers of tests that can only be told a number.
//
// To listen on port 0 and to close the listener again is the usual way, and not a safe one: the kernel may give the
// same number to the next who asks before the server listens on it, or while it is being restarted.
package ports

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Free looks from first up to, and without, end. That is below what Linux (from 32768) and macOS (from 49152) choose
// themselves for connections and for listeners on port 0, and below Kubernetes' NodePorts (from 30000).
const first, end = 20_000, 30_000

// Free returns n different ports of 127.0.0.1 that no process listens on. They are handed out in turn to all processes
// of this user, so that a port comes again only after all others. It may be called from any goroutine.
func Free(ctx context.Context, n int) ([]int, error) {
	turn, err := lockTurn(filepath.Join(os.TempDir(), fmt.Sprintf("hookstrap-ports-%d", os.Getuid())))
	if err != nil {
		return nil, fmt.Errorf("finding a free port: %w", err)
	}
	defer turn.Close() //nolint:errcheck // What was written is of use to others only, and it is unlocked in any case.
	found := make([]int, 0, n)
	port := turn.last()
	for tries := 0; len(found) < n; tries++ {
		if tries == end-first {
			return nil, fmt.Errorf("finding %d free ports: from %d to %d, all others are in use", n, first, end-1)
		}
		port = next(port)
		if free(ctx, port) {
			found = append(found, port)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
	}
	return found, turn.save(port)
}

// next is the port after one that was handed out.
func next(port int) int { return first + (port+1-first)%(end-first) }

func free(ctx context.Context, port int) bool {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// turn is the file that says which port was handed out last. It is locked for as long as it is open.
type turn struct{ *os.File }

func lockTurn(path string) (turn, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- ours.
	if err != nil {
		return turn{}, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return turn{}, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
	}
	return turn{file}, nil
}

// last is any port if none is written down.
func (t turn) last() int {
	var text [16]byte
	n, _ := t.ReadAt(text[:], 0)
	line, _, _ := strings.Cut(string(text[:n]), "\n")
	if port, err := strconv.Atoi(line); err == nil && first <= port && port < end {
		return port
	}
	return first + rand.IntN(end-first) // #nosec G404 -- nothing depends on its secrecy.
}

func (t turn) save(port int) error {
	if _, err := t.WriteAt(fmt.Appendf(nil, "%d\n", port), 0); err != nil {
		return fmt.Errorf("writing down the last port: %w", err)
	}
	return nil
}
