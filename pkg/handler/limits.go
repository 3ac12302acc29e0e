// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Limits bound what reviews that come at the same time may cost. A review beyond them is answered: it is not allowed,
// with the code 429, upon which clients try again after a second. What waits is served user by user.
type Limits struct {
	// Concurrent is how many reviews are decoded and evaluated at a time, each with half a MiB for what it decodes. 0
	// stands for four for each processor, but no more than one for each 4 MiB of GOMEMLIMIT, or of 1 GiB if that is not
	// set, and no less than four. More are of use to checks that wait for something. A check that goes on when its review
	// was answered counts until it ends.
	Concurrent int
	// Queued is how many more may wait for their turn, for half of their timeouts at most; 0 stands for 16 times
	// Concurrent.
	Queued int
	// Bytes is how much memory the bodies of all these may take; decoded they take a few times as much. 0 stands for an
	// eighth of GOMEMLIMIT, or of 1 GiB if that is not set. A quarter of it is for bodies of up to 128 KiB, which nearly
	// all are. It is never less than 20 MiB, so that there is room for two of the largest.
	Bytes int64
	// Decoded is how much memory what is decoded may take for which the half MiB of its review is not enough, all that is
	// being looked at together. It is set aside by what its types can take. A check that needs an object for which there
	// is not enough fails; a review whose envelope needs too much is refused, with 413 if it needs more than there is at
	// all. 0 stands for a quarter of GOMEMLIMIT, or
	// 64 MiB if that is not set; a ConfigMap of 350,000 entries, which is as many as fit, takes 45.
	Decoded int64
}

// ownMemory is how much a review may have decoded whatever the others do. By default, an eighth of the memory is for
// that.
const ownMemory = 512 << 10

func (l Limits) complete() Limits {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = 1 << 30
		l.Decoded = cmp.Or(l.Decoded, 64<<20)
	}
	// The container's share of the processors is often not limited, and then there are as many as the node has.
	l.Concurrent = cmp.Or(l.Concurrent, min(4*runtime.GOMAXPROCS(0), max(int(limit/8/ownMemory), 4)))
	l.Queued = cmp.Or(l.Queued, 16*l.Concurrent)
	l.Bytes = max(cmp.Or(l.Bytes, limit/8), 20<<20)
	l.Decoded = cmp.Or(l.Decoded, limit/4)
	return l
}

// gate holds requests to the limits.
type gate struct {
	limits  Limits
	turns   *turns
	decoded atomic.Int64
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
	own     atomic.Int64 // memory for what is decoded, of what each review has
	decoded atomic.Int64 // and of what all share
	short   atomic.Pointer[memoryError]
	sharers atomic.Int64 // beside the first
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
	r.gate.decoded.Add(-r.decoded.Load())
	if r.hasTurn {
		r.gate.turns.giveBack()
	}
}

// refuseEnvelope refuses a review of which there is too much besides the objects.
func (g *gate) refuseEnvelope(short *memoryError) *refusal {
	if short.isForGood() {
		return refuse(http.StatusRequestEntityTooLarge, "the AdmissionReview is too large: %v", short)
	}
	return g.refuse("memory", "decoding the AdmissionReview takes up to %s of memory, and %s of %s are left",
		sizeUp(short.need), sizeDown(short.left), sizeDown(short.most))
}

func (g *gate) refuse(limit, format string, args ...any) *refusal {
	g.refused.WithLabelValues(limit).Inc()
	refused := refuse(http.StatusServiceUnavailable, "too busy: "+format+"; try again", args...)
	refused.retry = true
	return refused
}
