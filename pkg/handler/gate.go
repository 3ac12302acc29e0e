// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gate holds requests to the limits.
type gate struct {
	limits  Limits
	turns   *turns
	decoded sharedMemory
	refused *prometheus.CounterVec

	mu      sync.Mutex // for what follows, and for what reservations take of it
	bytes   int64
	senders map[*reservation]struct{}
	large   map[*reservation]struct{} // whose bodies are larger than usual, with the callers known
}

func newGate(limits Limits, registerer prometheus.Registerer) (*gate, error) {
	limits = limits.complete()
	g := &gate{
		limits: limits, turns: &turns{concurrent: limits.Concurrent, queued: limits.Queued},
		decoded: sharedMemory{limit: limits.Decoded},
		senders: map[*reservation]struct{}{}, large: map[*reservation]struct{}{},
	}
	g.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hookstrap_admission_refused_total",
		Help: "Reviews answered with 429 because too many came at a time, by the limit that they met: queue, wait or " +
			"memory; or slow, if they were cut off while they were being sent, as others needed their memory.",
	}, []string{"limit"})
	if registerer == nil {
		return g, nil
	}
	var err error
	if g.refused, err = register(registerer, g.refused); err != nil {
		return nil, fmt.Errorf("cannot register the metric of refused reviews: %w", err)
	}
	return g, nil
}

// reservation is what one review takes of what there is for all: memory for its body, and a turn. It is given back when
// the last who shares it releases it: a check that does not end still holds the review after it was answered.
type reservation struct {
	gate    *gate
	writer  http.ResponseWriter
	since   time.Time
	caller  *caller // nil if it is not known
	bytes   int64
	hurried bool     // its deadline for reading is that of the answer
	lost    *refusal // its memory was given to others
	waiter  *waiter  // it waits for a turn
	hasTurn bool
	decoded memory
	sharers atomic.Int64 // beside the first
}

// reserve begins a reservation of nothing yet, after all goroutines that are ready.
//
// Go's scheduler runs a goroutine next that the running one has made ready, as those of a review make each other, and
// within the same 10 ms. It looks for what has come from the network when nothing is ready. On one processor with 64
// connections, some waited for half a second while others were answered again and again.
func (g *gate) reserve(w http.ResponseWriter, since time.Time) *reservation {
	runtime.Gosched()
	return &reservation{gate: g, writer: w, since: since, decoded: memory{shared: &g.decoded}}
}

// enter waits for a turn until then, or refuses. It asks whom the review is for if there are others.
func (r *reservation) enter(ctx context.Context, until time.Time, of func() *caller) *refusal {
	if r.gate.turns.take() {
		r.hasTurn = true
		return nil
	}
	if r.caller == nil {
		r.caller = of()
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	w := r.gate.turns.queue(*r.caller)
	r.waits(w)
	r.hasTurn = r.gate.turns.await(ctx, w)
	lost := r.waits(nil)
	limits := r.gate.limits
	switch {
	case r.hasTurn:
		return nil
	case lost != nil:
		return lost
	case ctx.Err() != nil:
		return r.gate.refuse("wait", "%d reviews are being answered, and the turn of this one did not come in time",
			limits.Concurrent)
	}
	return r.gate.refuse("queue", "%d reviews are being answered and %d wait", limits.Concurrent, limits.Queued)
}

// share is for one more who then has to release it. There must be no growing and no entering after that,
// while to afford more is fine.
func (r *reservation) share() { r.sharers.Add(1) }

func (r *reservation) release() {
	if r.sharers.Add(-1) >= 0 {
		return
	}
	r.shrink()
	r.decoded.release()
	if r.hasTurn {
		r.gate.turns.giveBack()
	}
}

// refuseDecoding refuses a review for which there is no memory, now or at all, and no check to say so.
func (g *gate) refuseDecoding(short *memoryError) *refusal {
	if short.isForGood() {
		return refuse(http.StatusRequestEntityTooLarge, "the review is too large: %v", short)
	}
	return g.refuse("memory", "decoding the review takes up to %s of memory, and %s of %s are left",
		sizeUp(short.need), sizeDown(short.left), sizeDown(short.most))
}

func (g *gate) refuse(limit, format string, args ...any) *refusal {
	g.refused.WithLabelValues(limit).Inc()
	refused := refuse(http.StatusServiceUnavailable, "too busy: "+format+"; try again", args...)
	refused.retry = true
	return refused
}

// received ends the growing. It refuses if the memory was given to others.
func (r *reservation) received() *refusal {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	delete(r.gate.senders, r)
	if r.lost == nil && r.hurried {
		_ = http.NewResponseController(r.writer).SetReadDeadline(r.since.Add(maxTimeout + time.Second))
	}
	return r.lost
}

// waits says that the review waits for a turn, or no longer, and returns the refusal if it was put out for others.
func (r *reservation) waits(w *waiter) *refusal {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	r.waiter = w
	return r.lost
}

// shrink gives back the memory for the body.
func (r *reservation) shrink() {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	r.gate.bytes -= r.bytes
	r.bytes = 0
	delete(r.gate.senders, r)
	delete(r.gate.large, r)
}

// allowReading allows to read what is left of a body, also after that was cut off.
func (r *reservation) allowReading(until time.Time) {
	_ = http.NewResponseController(r.writer).SetReadDeadline(until)
}

// lose takes a review's memory for others, and counts why. It is false if it cannot be taken.
func (g *gate) lose(r *reservation, refused func() *refusal) bool {
	_, isSending := g.senders[r]
	var ok bool
	switch {
	case isSending: // The read ends at once, so that the memory is free in a moment.
		ok = http.NewResponseController(r.writer).SetReadDeadline(time.Now()) == nil
	case r.waiter != nil:
		ok = g.turns.drop(r.waiter)
	}
	delete(g.senders, r)
	r.waiter = nil
	if !ok {
		return false
	}
	delete(g.large, r)
	r.lost = refused()
	g.bytes -= r.bytes
	r.bytes = 0
	return true
}

// canLose says whether a review is still being sent, or waits.
func (g *gate) canLose(r *reservation) bool {
	_, isSending := g.senders[r]
	return isSending || r.waiter != nil
}
