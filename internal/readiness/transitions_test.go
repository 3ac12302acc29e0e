// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// observing are two conditions that a test decides about, and what is logged of them.
type observing struct {
	transitions
	one, two error
	log      bytes.Buffer
	ask      [2]lifecycle.Condition
}

func newObserving() (*observing, context.Context) {
	o := &observing{}
	o.made = time.Now()
	o.ask[0] = o.observed(lifecycle.Condition{Name: "one", Check: func(context.Context) error { return o.one }})
	o.ask[1] = o.observed(lifecycle.Condition{Name: "two", Check: func(context.Context) error { return o.two }})
	logger := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&o.log)))
	return o, klog.NewContext(context.Background(), logger)
}

// check asks for both, the given number of times, and expects these lines.
func (o *observing) check(ctx context.Context, t *testing.T, one, two error, want ...string) {
	t.Helper()
	o.one, o.two = one, two
	o.log.Reset()
	for range 3 {
		for _, condition := range o.ask {
			_ = condition.Check(ctx)
		}
	}
	lines := strings.Split(strings.TrimSpace(o.log.String()), "\n")
	if len(want) == 0 {
		want = []string{""}
	}
	if len(lines) != len(want) {
		t.Errorf("%d lines, want %d:\n%s", len(lines), len(want), o.log.String())
		return
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("line %q, want %q", line, want[i])
		}
	}
}

// TestReadinessIsLoggedOnce: one line when the first condition fails, with the reason, and one when all hold again; none
// before the server was ready, when who asks has gone, and when the server ends.
func TestReadinessIsLoggedOnce(t *testing.T) {
	o, ctx := newObserving()
	running, stop := context.WithCancel(ctx)
	a, b := errors.New("reason a"), errors.New("reason b")
	o.begin(running)
	o.check(ctx, t, a, nil)
	o.first()
	o.check(ctx, t, nil, nil)
	o.check(ctx, t, a, nil, `"No longer ready: the API server cannot call us" condition="one" reason="reason a"`)
	o.check(ctx, t, b, b)
	o.check(ctx, t, nil, b)
	o.check(ctx, t, nil, nil, `"Ready again" condition="two"`)
	gone, leave := context.WithCancel(ctx)
	leave()
	o.check(gone, t, a, a)
	o.check(ctx, t, nil, b, `condition="two" reason="reason b"`)
	o.check(ctx, t, nil, nil, "Ready again")
	stop()
	o.check(ctx, t, a, b)
}

// TestNeverStartedIsLogged: once, and not of one that is only about to be started.
func TestNeverStartedIsLogged(t *testing.T) {
	o, ctx := newObserving()
	o.check(ctx, t, errNotStarted, nil)
	o.made = time.Now().Add(-time.Minute)
	o.check(ctx, t, errNotStarted, nil, "the Bootstrapper was not started")
	o.check(ctx, t, errNotStarted, nil)
}
