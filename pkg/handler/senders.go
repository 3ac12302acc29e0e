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
// minute; and then those of whom there are the most, see makeRoomFairly. A few large bodies must not keep out the small
// ones, so that these are refused later. Who sends more than a little has until the answer is due.
func (r *reservation) grow(bytes int, due time.Time) *refusal {
	g := r.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.lost != nil {
		return r.lost
	}
	g.senders[r] = struct{}{}
	if r.bytes >= firstRead && !r.hurried {
		r.hurried = http.NewResponseController(r.writer).SetReadDeadline(due) == nil
	}
	r.bytes += int64(bytes)
	g.bytes += int64(bytes)
	limit := g.limits.Bytes
	if r.bytes > usualBody {
		limit -= limit / 4
		g.large[r] = struct{}{}
	}
	if !g.makeRoom(r, limit) && !g.makeRoomFairly(r, limit) {
		return g.refuse("memory", "the reviews being answered take up %d MiB", limit>>20)
	}
	return nil
}

// makeRoom cuts off as many of the slowest as it takes to stay within a limit. It is false if that cannot be done: if
// all of them would not be enough, no sender is cut off.
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

// cutOffSlowest takes the memory of who has been sending for longest. It is false if that is who asks, or if no sender
// has been sending for long.
func (g *gate) cutOffSlowest(asks *reservation) bool {
	slowest := asks
	for r := range g.senders {
		if r.since.Before(slowest.since) {
			slowest = r
		}
	}
	if slowest == asks || time.Since(slowest.since) < patience {
		return false
	}
	return g.lose(slowest, g.tooSlow) || g.cutOffSlowest(asks) // there is no ending its read
}

func (g *gate) tooSlow() *refusal {
	return g.refuse("slow", "the body did not come within %s, and others need the memory", patience)
}

// makeRoomFairly stays within a limit at the expense of callers who have more memory than who asks would have: the
// newest of the user with the most loses its own, if it is still being sent or waits for a turn. It is false if that
// cannot be done. Only large bodies are counted: the others are bounded by their number.
func (g *gate) makeRoomFairly(asks *reservation, limit int64) bool {
	if asks.caller == nil {
		return false
	}
	for g.bytes > limit {
		victim := g.newestOfMost(asks)
		if victim == nil {
			return false
		}
		g.lose(victim, g.tooMany) // or else it is no candidate any more
	}
	return true
}

func (g *gate) tooMany() *refusal {
	return g.refuse("memory", "its user's reviews take up more memory than those of others, who need it")
}

// newestOfMost is the newest large review that can lose its memory of the user with the most, and of these of the
// namespace with the most. It is nil if none has more than who asks.
func (g *gate) newestOfMost(asks *reservation) *reservation {
	byUser, byCaller := map[string]int64{asks.caller.user: asks.bytes}, map[caller]int64{*asks.caller: asks.bytes}
	for r := range g.large {
		if r != asks && r.caller != nil {
			byUser[r.caller.user] += r.bytes
			byCaller[*r.caller] += r.bytes
		}
	}
	more := func(a, b *reservation) bool { // whether a's caller has more than b's
		if a.caller.user != b.caller.user {
			return byUser[a.caller.user] > byUser[b.caller.user]
		}
		return byCaller[*a.caller] > byCaller[*b.caller]
	}
	var found *reservation
	for r := range g.large {
		if r == asks || r.caller == nil || !g.canLose(r) || !more(r, asks) {
			continue
		}
		if found == nil || more(r, found) || !more(found, r) && r.since.After(found.since) {
			found = r
		}
	}
	return found
}
