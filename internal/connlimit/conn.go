// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package connlimit

import (
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// errFlood ends a connection on which much was sent that was no request.
var errFlood = errors.New("the client has sent too much that is no request")

// state is what a connection waits for.
type state int

const (
	// fresh: for the TLS handshake and the header of the first request.
	fresh state = iota
	// idle: for the next request.
	idle
	// heading: for the rest of the header of the next request.
	heading
	// sending: for the rest of a request's body.
	sending
	// answering: for us.
	answering
)

func (s state) reason() Reason {
	switch s {
	case fresh:
		return Handshake
	case sending:
		return Body
	default:
		return Idle
	}
}

// conn is a connection that the limiter counts. Its methods are those of the raw connection, below TLS.
type conn struct {
	net.Conn

	limiter *Limiter
	client  string
	// unseen are the bytes read since a request advanced.
	unseen atomic.Int64
	// awaits is true when the next byte is the first of a request.
	awaits atomic.Bool

	// Under the limiter's lock:
	state state
	since time.Time
	shake *tls.Conn // above this one, until its handshake is complete
	due   time.Time // for the rest of the handshake or the header; zero if neither has begun
}

// enter notes that the connection waits for something else from now on.
func (c *conn) enter(s state) {
	c.unseen.Store(0)
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if _, known := c.limiter.conns[c]; known && c.state == fresh {
		c.limiter.fresh--
	}
	c.state, c.since, c.due = s, time.Now(), time.Time{}
	c.awaits.Store(s == idle)
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	if c.unseen.Load() >= MaxUnseen {
		c.limiter.flooded(c)
		return 0, errFlood
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		if c.awaits.CompareAndSwap(true, false) {
			c.begin()
		}
		c.unseen.Add(int64(n))
	}
	return n, err
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.limiter.mu.Lock()
	c.limiter.remove(c)
	c.limiter.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite is what net/http does before it closes a connection whose client may still be sending.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// flooded counts a connection that net/http is about to close, once.
func (l *Limiter) flooded(c *conn) {
	l.mu.Lock()
	_, known := l.conns[c]
	l.remove(c)
	if known {
		l.closed[Flood]++
	}
	l.mu.Unlock()
	if known {
		l.report(Flood, c.client)
	}
}
