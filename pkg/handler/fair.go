// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

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
