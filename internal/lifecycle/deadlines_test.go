// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// pipes is a listener in memory, so that time is the bubble's.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, open := <-p; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dialPipe connects to a server of its own, which reads the bodies of requests and answers with them.
func dialPipe(t *testing.T, config *tls.Config) net.Conn {
	t.Helper()
	listener := make(pipes)
	ctx, cancel := context.WithCancel(t.Context())
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	server := lifecycle.NewServer(ctx, listener, echo, lifecycle.ServerOptions{Name: "admission", TLS: config})
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	ours, theirs := net.Pipe()
	listener <- ours
	t.Cleanup(func() {
		_ = theirs.Close()
		cancel()
		synctest.Wait() // A listener that fails before the server is told to end has broken off.
		close(listener)
		<-done
	})
	return theirs
}

// certificate is one that httptest has, and how to trust it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	helper := httptest.NewTLSServer(http.NotFoundHandler())
	defer helper.Close()
	transport, ok := helper.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("httptest has another transport")
	}
	client = transport.TLSClientConfig.Clone()
	client.ServerName = "example.com"
	return &tls.Config{Certificates: helper.TLS.Certificates, MinVersion: tls.VersionTLS13}, client
}

func exchange(t *testing.T, conn net.Conn, answers *bufio.Reader) {
	t.Helper()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\n\r\nbody"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("after %v: %v", time.Now(), err)
	}
	if got, err := io.ReadAll(response.Body); err != nil || string(got) != "body" {
		t.Fatalf("answer %q, %v", got, err)
	}
	_ = response.Body.Close()
}

// TestIdleConnectionsOutliveTheClientsPatience: an API server closes a connection that has been idle for 90 s. If the server
// were faster, a review that is on its way would fail. An API server also keeps connections that it has not used yet.
func TestIdleConnectionsOutliveTheClientsPatience(t *testing.T) {
	server, client := certificate(t)
	synctest.Test(t, func(t *testing.T) {
		conn := tls.Client(dialPipe(t, server), client)
		if err := conn.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(conn)
		for range 3 {
			<-time.After(95 * time.Second)
			exchange(t, conn, answers)
		}
	})
}

// TestSlowClientsAreCutOff: who does not get on with the handshake or a header has ten seconds, whatever came before, and a
// body 32.
func TestSlowClientsAreCutOff(t *testing.T) {
	server, client := certificate(t)
	whole := "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\n\r\nbody"
	for name, c := range map[string]struct {
		tls    bool // a handshake comes first
		sends  []string
		wait   time.Duration // between these
		within time.Duration // of the last of these
	}{
		"handshake":     {sends: []string{"\x16\x03\x01"}, within: 10 * time.Second},
		"first header":  {tls: true, sends: []string{"P"}, wait: time.Minute, within: 10 * time.Second},
		"second header": {tls: true, sends: []string{whole, "POST / HTTP/1.1\r\n"}, wait: time.Minute, within: 10 * time.Second},
		"slow header":   {tls: true, sends: []string{"P", "O", "S"}, wait: 4 * time.Second, within: 2 * time.Second},
		"body":          {tls: true, sends: []string{whole, strings.TrimSuffix(whole, "dy")}, wait: time.Minute, within: 32 * time.Second},
		"nothing":       {tls: true, sends: []string{whole}, within: 120 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := dialPipe(t, server)
				if c.tls {
					conn = tls.Client(conn, client)
				}
				var last time.Time
				go func() {
					for _, text := range c.sends {
						<-time.After(c.wait)
						_, _ = io.WriteString(conn, text)
						last = time.Now()
					}
				}()
				_, _ = io.Copy(io.Discard, conn)
				synctest.Wait()
				if took := time.Since(last); took < c.within || took > c.within+time.Second {
					t.Errorf("cut off %v after the last byte, want %v", took, c.within)
				}
			})
		})
	}
}
