// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"k8s.io/klog/v2"
)

const (
	// memoryPercent is the part of the container's memory that the Go runtime may fill before it collects garbage harder.
	// The rest is for what the runtime does not count: the program's own pages, and the kernel's for its sockets.
	memoryPercent = 90
	// memoryInterval is how often the limit is read again: it changes when a Pod is resized in place (KEP-1287).
	memoryInterval = time.Minute
)

// MemoryLimit keeps the memory limit of the Go runtime, GOMEMLIMIT, at nine tenths of the container's. Without it the
// runtime does not know that there is one, and the kernel kills the process for garbage. A limit of somebody else is
// left alone: that of the environment variable GOMEMLIMIT, which may be "off", or of [debug.SetMemoryLimit].
type MemoryLimit struct {
	read func() (uint64, error) // of the container, in bytes
	ours int64                  // what was set, 0 for nothing
}

// NewMemoryLimit returns one that has set nothing yet.
func NewMemoryLimit() *MemoryLimit { return &MemoryLimit{read: memlimit.FromCgroup} }

// Set sets the limit by what the container's is now, and logs a line if that has changed.
func (m *MemoryLimit) Set(ctx context.Context) {
	present := debug.SetMemoryLimit(-1)
	if os.Getenv("GOMEMLIMIT") != "" || present != math.MaxInt64 && present != m.ours {
		return
	}
	logger := klog.FromContext(ctx)
	container, err := m.read()
	if err != nil && !errors.Is(err, memlimit.ErrNoLimit) {
		logger.V(1).Info("Reading the memory limit of the container failed: set GOMEMLIMIT", "err", err)
		return
	}
	limit := int64(math.MaxInt64)
	if err == nil && container < math.MaxInt64/memoryPercent {
		limit = int64(container) * memoryPercent / 100
	}
	if limit == present {
		return
	}
	debug.SetMemoryLimit(limit)
	m.ours = limit
	logger.Info("Set the memory limit of the Go runtime to nine tenths of the container's", "bytes", limit,
		"container", container)
}

// Follow sets the limit again as the container's changes, until ctx ends.
func (m *MemoryLimit) Follow(ctx context.Context) {
	ticks := time.NewTicker(memoryInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			m.Set(ctx)
		case <-ctx.Done():
			return
		}
	}
}
