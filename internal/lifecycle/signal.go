// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"
)

// SignalContext returns a context which ends at the first SIGTERM or SIGINT;
// [context.Cause] says which it was. The second one calls exit(1), for somebody
// at a terminal who will not wait for the drain: pass [os.Exit].
//
// The function returned ends the context and gives the signals back to their
// default behavior; call it when the program is done.
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
