// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import (
	"sync"
	"time"
)

// rarely is how often a message may be in the log that others can bring about as often as they like.
const rarely = time.Minute

// Rarely lets one message a minute into the log. The zero value is ready for use. It is safe for concurrent use.
type Rarely struct {
	mu      sync.Mutex
	passed  time.Time
	dropped int
}

// Pass says whether to log a message now, and how many were not since the last one that was.
func (r *Rarely) Pass(now time.Time) (ok bool, dropped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := now.Sub(r.passed); 0 <= since && since < rarely {
		r.dropped++
		return false, 0
	}
	dropped, r.passed, r.dropped = r.dropped, now, 0
	return true, dropped
}
