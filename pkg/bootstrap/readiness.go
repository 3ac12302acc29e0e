// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// errNotStarted is what readiness says while nothing runs.
var errNotStarted = errors.New(
	"the Bootstrapper was not started: add it to the manager (mgr.Add), or run its method Start")

// readiness logs when the server ceases to be ready and when it is ready again, as whoever asks for the conditions
// finds it: one line each. What comes before the server has become ready for the first time is for announce to say.
// Its methods may be called by many goroutines.
type readiness struct {
	made time.Time

	mu      sync.Mutex
	ctx     context.Context // of Start, with its logger; nil before that
	was     bool            // ready for the first time
	failing map[string]bool // the conditions that do not hold
	lost    time.Time       // when the first of them did not
	scolded bool            // that nothing was started
}

// begin is for Start to call.
func (r *readiness) begin(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx = ctx
}

func (r *readiness) begun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ctx != nil
}

// first says that the server is ready for the first time.
func (r *readiness) first() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.was, r.failing = true, map[string]bool{}
}

// observed is a condition whose outcomes are noted.
func (r *readiness) observed(c lifecycle.Condition) lifecycle.Condition {
	check := c.Check
	c.Check = func(ctx context.Context) error {
		err := check(ctx)
		if ctx.Err() == nil { // Or else it may have failed for nothing but that the asker has gone.
			r.note(ctx, c.Name, err)
		}
		return err
	}
	return c
}

func (r *readiness) note(asked context.Context, name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil && !r.scolded && time.Since(r.made) > announcePatience {
		r.scolded = true
		klog.FromContext(asked).Error(errNotStarted, "Not ready")
	}
	if r.ctx == nil || r.ctx.Err() != nil || !r.was || r.failing[name] == (err != nil) {
		return
	}
	logger := klog.FromContext(r.ctx)
	switch {
	case err != nil && len(r.failing) == 0:
		r.lost = time.Now()
		logger.Info("No longer ready: the API server cannot call us", "condition", name, "reason", err.Error())
	case err == nil && len(r.failing) == 1:
		logger.Info("Ready again", "condition", name, "after", time.Since(r.lost).Round(time.Millisecond))
	}
	if err != nil {
		r.failing[name] = true
	} else {
		delete(r.failing, name)
	}
}
