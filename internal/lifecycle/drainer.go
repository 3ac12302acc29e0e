// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"
)

// lastWait bounds the wait for requests in flight after the server was stopped. 30 s is the longest timeoutSeconds that
// a webhook configuration can have, so after that the API server waits for none of the answers.
const lastWait = 30 * time.Second

// readyShare is how much of the delay passes before the server says that it is not ready: one part in two. For a pod
// that is deleted, this is not necessary; its endpoint is not ready from then on. But where all pods are deleted at
// once, kube-proxy goes on sending to those whose probes succeed until there is a successor, and that may need some
// seconds. The other half is for a container that is restarted in place: readiness is all that anybody hears of it.
const readyShare = 2

// Drainer takes a server out of service in the order that the package comment describes. The zero value drains without
// a delay. All methods may be called concurrently; Run is called once.
type Drainer struct {
	delay time.Duration

	draining atomic.Bool
	notReady atomic.Bool
	inFlight atomic.Int64
	idle     chan struct{} // once draining: has something in it after inFlight has reached zero
}

// NewDrainer returns a drainer which goes on serving for delay after it was told to stop. The pod's
// terminationGracePeriodSeconds must exceed the delay by the time that the slowest request takes.
func NewDrainer(delay time.Duration) *Drainer { return &Drainer{delay: delay} }

// Draining reports whether the server has been told to stop.
func (d *Drainer) Draining() bool { return d.draining.Load() }

// Condition is to be added to [ReadyzHandler]: it fails once half of the delay is over.
func (d *Drainer) Condition() Condition {
	return Condition{
		Name: "not-draining",
		Check: func(context.Context) error {
			if d.notReady.Load() {
				return errors.New("the server is shutting down and answers its last requests")
			}
			return nil
		},
	}
}

// Run blocks until ctx ends, which is the signal to drain: see [SignalContext]. It then keeps serving for the delay,
// fails the condition after the first half of it, and at the end of it calls stop, which must make the server close its
// listener (cancel its context) and may return at once. Then it waits until all requests that passed the middleware are
// answered. The error says how many were not, 30 s after stop was called.
//
// Health endpoints have to be served until Run returns.
func (d *Drainer) Run(ctx context.Context, stop func()) error {
	<-ctx.Done()
	logger := klog.FromContext(ctx)
	began := time.Now()
	ready := d.delay / readyShare
	logger.Info("Draining: serving on until the delay is over, on connections that end with each answer",
		"cause", context.Cause(ctx), "notReadyAfter", ready, "delay", d.delay)
	d.idle = make(chan struct{}, 1)
	d.draining.Store(true)

	<-time.After(ready) // ctx is over, so there is nothing that could cut this short
	logger.V(1).Info("Not ready from now on")
	d.notReady.Store(true)
	<-time.After(d.delay - ready)

	logger.V(2).Info("Stopping the server")
	stop()
	if err := d.awaitIdle(); err != nil {
		return err
	}
	logger.Info("Drained", "duration", time.Since(began))
	return nil
}

func (d *Drainer) awaitIdle() error {
	timeout := time.After(lastWait)
	for d.inFlight.Load() > 0 {
		select {
		case <-d.idle: // Another request may have come since.
		case <-timeout:
			return fmt.Errorf("shutting down: %d requests are still unanswered %s after the server was stopped: "+
				"their callers have given up by now, find out what the handlers wait for", d.inFlight.Load(), lastWait)
		}
	}
	return nil
}

// end is for the end of a request. One that does not see the draining is no longer in flight when that is waited for.
func (d *Drainer) end() {
	if d.inFlight.Add(-1) > 0 || !d.Draining() {
		return
	}
	select {
	case d.idle <- struct{}{}:
	default:
	}
}
