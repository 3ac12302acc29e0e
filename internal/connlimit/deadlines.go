// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package connlimit

import (
	"crypto/tls"
	"net"
	"time"
)

const (
	// HeaderTimeout bounds the TLS handshake, and the header of a request from its first byte on.
	HeaderTimeout = 10 * time.Second
	// BodyTimeout bounds the body of a request from the end of its header on. A handler may change it.
	BodyTimeout = 32 * time.Second
	// IdleTimeout is how long a connection may wait for a request, also for its first one. It is longer than the 90 s
	// after which the HTTP client of an API server closes an idle connection of its own accord
	// (k8s.io/apimachinery/pkg/util/net.SetTransportDefaults). That client also keeps connections that it has made and
	// not used yet. If the server closed one first, a request that is on its way would fail with EOF, and the client
	// does not repeat a POST.
	IdleTimeout = 2 * time.Minute
)

// open begins the deadlines of a new connection: for the handshake, if over is a TLS connection.
func (c *conn) open(over net.Conn) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if shake, ok := over.(*tls.Conn); ok {
		c.shake, c.due = shake, time.Now().Add(HeaderTimeout)
		return
	}
	c.awaits.Store(true)
}

// begin notes the first byte of a request.
func (c *conn) begin() {
	c.unseen.Store(0)
	c.limiter.mu.Lock()
	now := time.Now()
	if c.state == idle {
		c.state, c.since = heading, now
	}
	c.due = now.Add(HeaderTimeout)
	due := c.due
	c.limiter.mu.Unlock()
	_ = c.Conn.SetReadDeadline(due)
}

// SetReadDeadline implements [net.Conn]. It is net/http that sets deadlines: one for the header of the first request
// starts at the handshake there, and not at the first byte, so that the one of the server has to be long. What a
// handshake and a header may take is set here, and cannot be prolonged.
func (c *conn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(c.bounded(t)) }

func (c *conn) bounded(t time.Time) time.Time {
	c.limiter.mu.Lock()
	shake := c.shake
	c.limiter.mu.Unlock()
	// This waits for a handshake, so that it is not under the lock.
	complete := shake != nil && shake.ConnectionState().HandshakeComplete
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if complete && c.shake != nil {
		c.shake, c.due = nil, time.Time{}
		c.awaits.Store(true)
	}
	if c.due.IsZero() || !t.IsZero() && t.Before(c.due) {
		return t
	}
	return c.due
}
