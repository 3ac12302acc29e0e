// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"io"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// noCertificate is what crypto/tls says about a client without a certificate where one is demanded.
const noCertificate = "tls: client didn't provide a certificate"

// serverEnds is what it says about a client that was in the middle of its handshake when the server ended. The server's
// own log tells of that.
const serverEnds = "context canceled"

// closedHere ends what it says about a connection that the server has closed itself, to make room for another one. The
// server's own log and its metrics tell of those.
const closedHere = "use of closed network connection"

// ErrorLog turns what net/http's server says into structured log lines. It is made by [NewErrorLog], and is an
// [io.Writer] for [log.SetOutput] or the [log.Logger] of http.Server.ErrorLog. It is safe for concurrent use.
//
// The server says one line a handshake that fails, and a client that fails tries again at once. One line a minute for
// each client and reason is logged, with how many were not; none for clients of whom the listener itself has logged
// more already, none for handshakes of our own, and none for those that the server cuts off itself.
type ErrorLog struct {
	logger klog.Logger
	own    func(address string) bool
	limit  limiter
	now    func() time.Time
}

var _ io.Writer = &ErrorLog{}

// NewErrorLog returns an ErrorLog that writes to logger. The function says whether a client's address (host:port) is
// one of a handshake of our own; nil stands for none.
func NewErrorLog(logger klog.Logger, own func(address string) bool) *ErrorLog {
	if own == nil {
		own = func(string) bool { return false }
	}
	return &ErrorLog{logger: logger, own: own, now: time.Now}
}

// Write takes one message of a [log.Logger]. It never fails.
func (l *ErrorLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	// What precedes is the time, when the flags of package log ask for it.
	if _, rest, found := strings.Cut(text, "http: TLS handshake error from "); found {
		l.handshake(rest)
		return len(p), nil
	}
	if pass, dropped := l.limit.pass(clip(text), l.now()); pass {
		l.logger.Info("The HTTP server says", "message", text, "unlogged", dropped)
	}
	return len(p), nil
}

// handshake logs "address: reason".
func (l *ErrorLog) handshake(text string) {
	address, reason, _ := strings.Cut(text, ": ")
	if strings.HasPrefix(reason, refusedPrefix) || reason == serverEnds || strings.HasSuffix(reason, closedHere) ||
		l.own(address) {
		return
	}
	message := "A TLS handshake failed"
	if reason == noCertificate {
		message = "Refused a client"
	}
	if pass, dropped := l.limit.pass(hostOf(address)+"\x00"+clip(reason), l.now()); pass {
		l.logger.Info(message, "client", address, "reason", clip(reason), "unlogged", dropped)
	}
}

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
