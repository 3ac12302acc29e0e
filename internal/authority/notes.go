// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"maps"
	"time"
)

// notes are what a record says of distrusted CAs, and when this process has first seen that. Another process wrote the
// time in the record, and the clock of either may be wrong: a CA would leave while it is in use, or not at all. The
// times here have a reading of the monotonic clock, so that a clock that is set right does not matter either.
type notes map[note]time.Time

// note is that a CA is distrusted since a second, as the clock has it of the process that wrote it.
type note struct {
	fingerprint string
	second      int64
}

// see adds what is new in the record, and leaves out what is no longer there.
func (n notes) see(r record, now time.Time) {
	old := maps.Clone(n)
	clear(n)
	for fingerprint, at := range r.Distrusted {
		this := note{fingerprint, at.Unix()}
		if n[this] = now; !old[this].IsZero() {
			n[this] = old[this]
		}
	}
}

// since is how long this process has known a note, 0 if it does not.
func (n notes) since(fingerprint string, at, now time.Time) time.Duration {
	seen, known := n[note{fingerprint, at.Unix()}]
	if !known {
		return 0
	}
	return now.Sub(seen)
}
