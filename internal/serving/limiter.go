// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"sync"
	"time"
)

const (
	// logInterval is how often the same thing is logged: a client that is refused tries again at once, indefinitely.
	logInterval = time.Minute
	// mostKeys bounds how many different things are remembered, and so how many lines there can be in an interval.
	mostKeys = 128
)

// limiter decides which lines are worth logging. The zero value is ready for use.
type limiter struct {
	mu   sync.Mutex
	seen map[string]*entry
}

// entry is what became of one kind of line.
type entry struct {
	at      time.Time // when one was logged
	dropped int       // how many were not, since
}

// pass says whether to log a line of this kind now, and how many of it were not logged since the last one.
func (l *limiter) pass(key string, now time.Time) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(key, now)
	if !e.at.IsZero() && now.Sub(e.at) < logInterval {
		e.dropped++
		return false, 0
	}
	dropped, e.at, e.dropped = e.dropped, now, 0
	return true, dropped
}

// entry finds the entry of a key. When there are too many, the old ones are forgotten; when none is old, all new kinds
// share one entry, so that a client that makes up names cannot fill the log.
func (l *limiter) entry(key string, now time.Time) *entry {
	if l.seen == nil {
		l.seen = map[string]*entry{}
	}
	if e := l.seen[key]; e != nil {
		return e
	}
	if len(l.seen) >= mostKeys {
		for old, e := range l.seen {
			if now.Sub(e.at) >= logInterval {
				delete(l.seen, old)
			}
		}
	}
	if len(l.seen) >= mostKeys {
		key = ""
	}
	if l.seen[key] == nil {
		l.seen[key] = &entry{}
	}
	return l.seen[key]
}
