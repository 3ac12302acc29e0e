// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"net/http"
	"time"
)

// patience is how long a body may be on its way before it has to make room for others. Usual ones take milliseconds.
const patience = time.Second

// grow reserves more memory for a body that is being received, or refuses. When there is none, those lose theirs who
// have been sending for longest, or else a few hundred who send a little and stall would keep out everybody for half a
// minute. A few large bodies must not keep out the small ones, so that these are refused later.
func (r *reservation) grow(bytes int) *refusal {
	g := r.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.lost {
		return r.tooSlow()
	}
	g.senders[r] = struct{}{}
	r.bytes += int64(bytes)
	g.bytes += int64(bytes)
	limit := g.limits.Bytes
	if r.bytes > usualBody {
		limit -= limit / 4
	}
	if !g.makeRoom(r, limit) {
		return g.refuse("memory", "the reviews being answered take up %d MiB", limit>>20)
	}
	return nil
}

// makeRoom cuts off as many of the slowest as it takes to stay within a limit. It is false if that cannot be done: if
// all of them would not be enough, nobody is cut off.
func (g *gate) makeRoom(asks *reservation, limit int64) bool {
	if g.bytes > limit && g.bytes-g.takenBySlow(asks) > limit {
		return false
	}
	for g.bytes > limit {
		if !g.cutOffSlowest(asks) {
			return false
		}
	}
	return true
}

// takenBySlow is how much memory all have who can be cut off for who asks.
func (g *gate) takenBySlow(asks *reservation) int64 {
	var bytes int64
	for r := range g.senders {
		if r.since.Before(asks.since) && time.Since(r.since) >= patience {
			bytes += r.bytes
		}
	}
	return bytes
}

// received ends the growing. It refuses if the memory was given to others meanwhile.
func (r *reservation) received() *refusal {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	delete(r.gate.senders, r)
	if r.lost {
		return r.tooSlow()
	}
	return nil
}

func (r *reservation) tooSlow() *refusal {
	refused := refuse(http.StatusServiceUnavailable, "the body did not come within %s, and others need the memory",
		patience)
	refused.retry = true
	return refused
}

// cutOffSlowest takes the memory of who has been sending for longest. It is false if that is who asks, or if nobody has
// been sending for long. The sender's read ends at once, so that the memory is free in a moment.
func (g *gate) cutOffSlowest(asks *reservation) bool {
	slowest := asks
	for r := range g.senders {
		if r.since.Before(slowest.since) {
			slowest = r
		}
	}
	now := time.Now()
	if slowest == asks || now.Sub(slowest.since) < patience {
		return false
	}
	delete(g.senders, slowest)
	if http.NewResponseController(slowest.writer).SetReadDeadline(now) != nil {
		return g.cutOffSlowest(asks) // there is no ending its read
	}
	g.refused.WithLabelValues("slow").Inc()
	g.bytes -= slowest.bytes
	slowest.bytes, slowest.lost = 0, true
	return true
}
