// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build admission

package e2e

import (
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// wire is between the API server and a webhook server, and counts connections, each of which has one TLS handshake, and
// bytes.
type wire struct {
	port, backend                int // what it listens at, and where the webhook server does
	connections, asked, answered atomic.Int64
}

// traffic is what has passed.
type traffic struct{ connections, asked, answered int64 }

// countConnections listens at a port.
func countConnections(t *testing.T, port int) *wire {
	t.Helper()
	w := &wire{port: port, backend: clustertest.FreePort(t)}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // The test has ended.
			}
			w.connections.Add(1)
			go w.pass(t, conn)
		}
	}()
	return w
}

// pass copies both ways until either side ends.
func (w *wire) pass(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close() // Both ends are gone by then.
	backend, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(w.backend)))
	if err != nil {
		return // The API server notices.
	}
	defer backend.Close() // As above.
	done := make(chan struct{}, 2)
	carry := func(to io.Writer, from io.Reader, count *atomic.Int64) {
		_, _ = io.Copy(metered{to, count}, from)
		done <- struct{}{}
	}
	go carry(backend, conn, &w.asked)
	go carry(conn, backend, &w.answered)
	<-done
}

func (w *wire) read() traffic {
	return traffic{w.connections.Load(), w.asked.Load(), w.answered.Load()}
}

// metered adds up what is written.
type metered struct {
	io.Writer

	bytes *atomic.Int64
}

// Write implements [io.Writer].
func (c metered) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}
