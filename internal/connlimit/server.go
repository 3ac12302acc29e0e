// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package connlimit

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// maxDrain is how much of a body is passed over that a handler has not read, as net/http would do by itself.
const maxDrain = 256 << 10

// Protect makes the server tell the limiter about its connections. They have to come from [Limiter.Listener], with TLS
// of crypto/tls on top or without.
func (l *Limiter) Protect(server *http.Server) {
	server.ConnState = func(nc net.Conn, now http.ConnState) {
		c := counted(nc)
		if c == nil {
			return
		}
		switch now {
		case http.StateActive: // The header of a request is complete, or wrong: then no handler is asked.
			c.enter(sending)
		case http.StateIdle:
			c.enter(idle)
		default: // New ones are counted as they come, and closed ones as they go.
		}
	}
	server.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		c := counted(nc)
		if c != nil {
			c.open(nc)
		}
		return context.WithValue(ctx, connKey{}, c)
	}
	server.Handler = handler{server.Handler}
}

// Listener returns inner's connections, as many as there is room for.
func (l *Limiter) Listener(inner net.Listener) net.Listener { return listener{inner, l} }

type listener struct {
	net.Listener

	limiter *Limiter
}

// Accept implements [net.Listener].
func (l listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.limiter.admit(raw); c != nil {
			return c, nil
		}
	}
}

// connKey is where a request's context has its connection.
type connKey struct{}

// counted is the connection that the limiter knows, nil if it is none of its own.
func counted(nc net.Conn) *conn {
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	c, _ := nc.(*conn)
	return c
}

// handler tells a connection whose request is still being sent from one that is being answered.
type handler struct{ next http.Handler }

// ServeHTTP implements [http.Handler].
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	if c == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(BodyTimeout)) // It was that for the header.
	if r.Body == nil || r.Body == http.NoBody {
		c.enter(answering)
		h.next.ServeHTTP(w, r)
		return
	}
	b := &body{ReadCloser: r.Body, conn: c, left: r.ContentLength}
	own := *r // net/http looks at the type of the body in its own request.
	own.Body = b
	h.next.ServeHTTP(w, &own)
	// What is left is read here, where it counts as progress, and not by net/http. Where there is more, where the client
	// waits for leave to send it, and where the answer says so, net/http closes the connection instead.
	if r.ContentLength <= maxDrain && r.Header.Get("Expect") == "" && w.Header().Get("Connection") != "close" {
		_, _ = io.CopyN(io.Discard, b, maxDrain)
	}
}

// body is that of a request. When it has been read the connection is being answered.
type body struct {
	io.ReadCloser

	conn *conn
	left int64 // bytes to come, if that is more than 0
	read bool
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read {
		return n, err
	}
	if n > 0 {
		b.conn.unseen.Store(0)
	}
	last := b.left > 0 && int64(n) >= b.left
	b.left -= int64(n)
	if err != nil || last {
		b.read = true
		b.conn.enter(answering)
	}
	return n, err
}
