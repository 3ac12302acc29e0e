// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && linux

package node

import (
	"context"
	"sync"
	"testing"
	"time"
)

// load asks again and again, one after the other, until it is stopped.
type load struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	asked   int
	failed  []error
}

func startLoad(t *testing.T, ask func(context.Context) error) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel}
	t.Cleanup(l.stop)
	l.running.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := ask(context.WithoutCancel(ctx)); err != nil {
				l.failed = append(l.failed, err)
			}
			l.asked++
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return l
}

func (l *load) stop() {
	l.cancel()
	l.running.Wait()
}

func (l *load) wantNoneFailed(t *testing.T) {
	t.Helper()
	l.stop()
	t.Logf("%d admissions, %d failed", l.asked, len(l.failed))
	if len(l.failed) > 0 {
		t.Errorf("the first failed: %v", l.failed[0])
	}
}
