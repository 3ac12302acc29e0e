// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package connlimit bounds what the connections of an HTTP server can cost: how many are open, how many of them have
// not completed their TLS handshake and the header of their first request, and how many bytes one may send that do not
// advance a request.
//
// When a bound is reached, a connection is closed to make room for the new one: of the remote address that holds most
// connections, the one that has waited longest for its client. One whose request is complete is never closed, because
// it is being answered. So one client cannot push out the connections of another that has fewer.
package connlimit

import (
	"net"
	"sync"
	"time"
)

// Reason says why a connection was closed.
type Reason string

// The reasons.
const (
	// Handshake: to make room, before its TLS handshake and the header of its first request were complete.
	Handshake Reason = "handshake"
	// Idle: to make room, between two requests.
	Idle Reason = "idle"
	// Body: to make room, while its client was sending the body of a request.
	Body Reason = "body"
	// Full: it was new, and there was no connection to close instead.
	Full Reason = "full"
	// Flood: its client sent more than [MaxUnseen] bytes that did not advance a request.
	Flood Reason = "flood"
)

// Reasons are all of them.
func Reasons() []Reason { return []Reason{Handshake, Idle, Body, Full, Flood} }

const (
	// MaxUnseen is how many bytes are read from a connection without anything coming of it, such as the header of a
	// request or a part of its body. It is enough for a ClientHello, a chain of client certificates, a header of 16 KiB
	// and a TLS record; crypto/tls alone would keep up to 256 KiB of an unfinished handshake message.
	MaxUnseen = 48 << 10

	// freshShare is the part of all connections that may be without a first request, one in two.
	freshShare = 2
	// hostParts of hostOf parts of all connections are what one remote address may have.
	hostParts, hostOfParts = 3, 4
)

// Limiter bounds the connections of one server. All methods may be called concurrently.
type Limiter struct {
	most   int
	report func(reason Reason, client string)

	mu     sync.Mutex
	conns  map[*conn]struct{}
	hosts  map[string]int // connections by remote address
	fresh  int            // connections without a first request
	closed map[Reason]uint64
}

// New returns a limiter of that many open connections. It reports each connection that it closes, with its remote
// address; report is called by several goroutines and must not block.
func New(most int, report func(reason Reason, client string)) *Limiter {
	return &Limiter{most: most, report: report,
		conns: map[*conn]struct{}{}, hosts: map[string]int{}, closed: map[Reason]uint64{}}
}

// Open is how many connections are open now.
func (l *Limiter) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Closed is how many connections were closed so far for that reason.
func (l *Limiter) Closed(reason Reason) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed[reason]
}

// admit makes room for a connection and returns it, or closes it and returns nil.
func (l *Limiter) admit(raw net.Conn) *conn {
	c := &conn{Conn: raw, limiter: l, client: hostOf(raw), since: time.Now()}
	l.mu.Lock()
	victim, reason := c, Full
	need, candidate := l.shortage(c.client)
	if need {
		if found := l.longest(candidate); found != nil {
			victim, reason = found, found.state.reason()
			l.remove(found)
		}
	}
	if !need || victim != c {
		l.add(c)
	}
	if need {
		l.closed[reason]++
	}
	l.mu.Unlock()
	if !need {
		return c
	}
	_ = victim.Conn.Close() // Nothing was written that could be lost.
	l.report(reason, victim.client)
	if victim == c {
		return nil
	}
	return c
}

// shortage says whether a connection has to be closed before one of client is added, and which ones come into question.
func (l *Limiter) shortage(client string) (need bool, candidate func(*conn) bool) {
	switch {
	case l.fresh >= max(l.most/freshShare, 1):
		return true, func(c *conn) bool { return c.state == fresh }
	case l.hosts[client] >= max(l.most*hostParts/hostOfParts, 1):
		return true, func(c *conn) bool { return c.client == client }
	case len(l.conns) >= l.most:
		return true, func(*conn) bool { return true }
	}
	return false, nil
}

// longest is the connection to be closed first among candidates, nil if all of them are being answered.
func (l *Limiter) longest(candidate func(*conn) bool) *conn {
	var first *conn
	for c := range l.conns {
		if c.state != answering && candidate(c) && (first == nil || l.before(c, first)) {
			first = c
		}
	}
	return first
}

// before says whether a is closed before b.
func (l *Limiter) before(a, b *conn) bool {
	if x, y := l.hosts[a.client], l.hosts[b.client]; x != y {
		return x > y
	}
	if x, y := a.state == sending, b.state == sending; x != y {
		return y
	}
	return a.since.Before(b.since)
}

func (l *Limiter) add(c *conn) {
	l.conns[c] = struct{}{}
	l.hosts[c.client]++
	l.fresh++
}

// remove forgets a connection, once.
func (l *Limiter) remove(c *conn) {
	if _, known := l.conns[c]; !known {
		return
	}
	delete(l.conns, c)
	if l.hosts[c.client]--; l.hosts[c.client] == 0 {
		delete(l.hosts, c.client)
	}
	if c.state == fresh {
		l.fresh--
	}
}

// hostOf is the remote address without its port.
func hostOf(c net.Conn) string {
	text := c.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	return text
}
