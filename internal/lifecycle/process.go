// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"k8s.io/klog/v2"
)

// SignalContext returns a context which ends at the first SIGTERM or SIGINT; [context.Cause] says which it was. The
// second one calls exit(1), for somebody at a terminal who will not wait for the drain: pass [os.Exit].
//
// The function returned ends the context and gives the signals back to their default behavior; call it when the program
// is done.
func SignalContext(parent context.Context, exit func(code int)) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	// Not a child of ctx: a second signal must be heard after ctx has ended.
	released, release := context.WithCancel(context.WithoutCancel(ctx))
	go handle(released, signals, cancel, exit)
	return ctx, func() {
		signal.Stop(signals)
		release()
		cancel(context.Canceled)
	}
}

func handle(released context.Context, signals <-chan os.Signal, cancel context.CancelCauseFunc, exit func(int)) {
	select {
	case <-released.Done():
		return
	case s := <-signals:
		cancel(fmt.Errorf("received signal %q", s))
	}
	select {
	case <-released.Done():
	case s := <-signals:
		klog.FromContext(released).Info("Exiting at once on the second signal", "signal", s)
		exit(1)
	}
}

// garbagePercent is how much garbage there may be for each byte that lives, in percent. It is GOGC.
const garbagePercent = 400

// TradeMemoryForTime lets the garbage collector run a quarter as often as it would by default. A server of admission
// reviews has a few MB that live, and drops tens of KB with each review: under load it would collect ninety times a
// second, which is a tenth of its time, to keep its heap at a few MB. The heap may then grow to five times what lives,
// and to 16 MB at least, but not beyond GOMEMLIMIT. Without that limit nothing is done, for nothing would bound what
// the largest reviews leave behind; nor if the environment variable GOGC is set, which counts then. It is for a
// program's start.
func TradeMemoryForTime() {
	if os.Getenv("GOGC") == "" && debug.SetMemoryLimit(-1) != math.MaxInt64 {
		debug.SetGCPercent(garbagePercent)
	}
}
