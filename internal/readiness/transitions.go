// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// errNotStarted is what readiness says while nothing runs.
var errNotStarted = errors.New(
	"the Bootstrapper was not started: add it to the manager (mgr.Add), or run its method Start")

// reportInterval is how long to wait for trust before saying what it waits for, again and again.
const reportInterval = 10 * time.Second

// transitions logs when the server ceases to be ready and when it is ready again, as the probes find it: one line each.
// What comes before the server has become ready for the first time is for [Readiness.Announce] to say.
// Its methods may be called by many goroutines.
type transitions struct {
	made time.Time

	mu      sync.Mutex
	ctx     context.Context // of Start, with its logger; nil before that
	was     bool            // ready for the first time
	failing map[string]bool // the conditions that do not hold
	lost    time.Time       // when the first of them did not
	scolded bool            // that nothing was started
}

// begin is for Start to call.
func (t *transitions) begin(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ctx = ctx
}

// begun is the context of Start, nil before that.
func (t *transitions) begun() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ctx
}

// startPatience is how long the start waits for what is not needed to be called.
const startPatience = 2 * time.Minute

// starting reports whether the server was never ready, and has not waited for long.
func (t *transitions) starting() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.was && time.Since(t.made) < startPatience
}

// first says that the server is ready for the first time.
func (t *transitions) first() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.was, t.failing = true, map[string]bool{}
}

// observed is a condition whose outcomes are noted.
func (t *transitions) observed(c lifecycle.Condition) lifecycle.Condition {
	check := c.Check
	c.Check = func(ctx context.Context) error {
		err := check(ctx)
		if ctx.Err() == nil { // Or else it may have failed for nothing but that the asker has gone.
			t.note(ctx, c.Name, err)
		}
		return err
	}
	return c
}

func (t *transitions) note(asked context.Context, name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil && !t.scolded && time.Since(t.made) > reportInterval {
		t.scolded = true
		klog.FromContext(asked).Error(errNotStarted, "Not ready")
	}
	if t.ctx == nil || t.ctx.Err() != nil || !t.was || t.failing[name] == (err != nil) {
		return
	}
	logger := klog.FromContext(t.ctx)
	switch {
	case err != nil && len(t.failing) == 0:
		t.lost = time.Now()
		logger.Info("No longer ready: the API server cannot call us", "condition", name, "reason", err.Error())
	case err == nil && len(t.failing) == 1:
		logger.Info("Ready again", "condition", name, "after", time.Since(t.lost).Round(time.Millisecond))
	}
	if err != nil {
		t.failing[name] = true
	} else {
		delete(t.failing, name)
	}
}

// uncallable remembers why the API server cannot call us through some of our entries. Its methods may be called by many
// goroutines.
type uncallable struct {
	mu      sync.Mutex
	reasons string
}

// set logs and reports the reasons if they are not what they were.
func (u *uncallable) set(ctx context.Context, reasons []string, report func(reasons []string)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	joined := strings.Join(reasons, "; ")
	if joined == u.reasons {
		return
	}
	u.reasons = joined
	if joined == "" {
		klog.FromContext(ctx).Info("The API server can call us through all entries again")
	} else {
		klog.FromContext(ctx).Info("The API server cannot call us through some entries, and readiness does not wait for them",
			"reasons", joined)
	}
	report(reasons)
}

// note is the reasons, "" if there are none.
func (u *uncallable) note() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.reasons
}
