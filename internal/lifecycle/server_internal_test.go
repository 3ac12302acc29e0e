// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2/ktesting"
)

// pipeListener accepts the ends of pipes, which obey the clock of a synctest
// bubble, unlike sockets.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8081} }

// dial sends a request and returns what comes back until the connection closes.
func (l *pipeListener) dial() <-chan string {
	client, server := net.Pipe()
	l.conns <- server
	answer := make(chan string, 1)
	go func() {
		_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: web\r\n\r\n")
		got, _ := io.ReadAll(client)
		answer <- string(got)
	}()
	return answer
}

func TestServeEndsGracefully(t *testing.T) {
	tests := []struct {
		name    string
		needs   time.Duration // what the handler takes after the end of the context
		takes   time.Duration // what the server takes
		answers bool
	}{
		{"in time", 4 * time.Second, 4 * time.Second, true},
		{"too late", time.Hour, 5 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, ctx := ktesting.NewTestContext(t)
				ctx, cancel := context.WithCancel(ctx)
				listener := newPipeListener()
				server := &Server{name: "health", listener: listener, server: &http.Server{
					Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						<-ctx.Done()
						select {
						case <-time.After(tt.needs):
						case <-r.Context().Done(): // cut off
						}
						w.WriteHeader(http.StatusTeapot)
					}),
					ReadHeaderTimeout: time.Minute,
				}}
				done := make(chan error, 1)
				go func() { done <- server.Serve(ctx) }()
				answer := listener.dial()
				synctest.Wait()

				cancel()
				began := time.Now()
				if err := <-done; err != nil {
					t.Error(err)
				}
				// http.Server.Shutdown polls, at intervals of half a second at most.
				if took := time.Since(began); took < tt.takes || took > tt.takes+time.Second {
					t.Errorf("took %s, want about %s", took, tt.takes)
				}
				if got := <-answer; strings.Contains(got, "418") != tt.answers {
					t.Errorf("answered %q, want an answer: %v", got, tt.answers)
				}
			})
		})
	}
}

// brokenListener fails as a listener does whose descriptor was taken away.
type brokenListener struct{ *pipeListener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("bad file descriptor") }

func TestServeBreaksOff(t *testing.T) {
	_, ctx := ktesting.NewTestContext(t)
	server := &Server{
		name:     "health",
		listener: brokenListener{newPipeListener()},
		server:   &http.Server{ReadHeaderTimeout: time.Minute},
	}
	err := server.Serve(ctx)
	if err == nil || !strings.Contains(err.Error(), "serving health on 127.0.0.1:8081: bad file descriptor") {
		t.Errorf("error %v", err)
	}
}
