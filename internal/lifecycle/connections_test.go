// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// small is a server with room for eight connections, half of them without a request.
func small(t *testing.T, handler http.Handler) (server *lifecycle.Server, log *bytes.Buffer, end func()) {
	t.Helper()
	log = &bytes.Buffer{}
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(),
		textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(log)))))
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server = lifecycle.NewServer(ctx, l, handler, lifecycle.ServerOptions{Name: "small", MaxConnections: 8,
		ShutdownTimeout: 100 * time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return server, log, end
}

func dial(t *testing.T, server *lifecycle.Server) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestOneThatIsBeingAnsweredIsNotCut: while many come and say nothing, a request that was sent whole gets its answer.
func TestOneThatIsBeingAnsweredIsNotCut(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server, log, end := small(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		<-answer
		_, _ = io.WriteString(w, "late")
	}))
	caller := dial(t, server)
	_, _ = io.WriteString(caller, "POST / HTTP/1.1\r\nHost: web\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody")
	<-asked
	for range 50 {
		_, _ = io.WriteString(dial(t, server), "GET / HTTP/1.1\r\nX-Slow: ")
	}
	closed := dial(t, server)
	_ = closed // The last one is accepted after all others.
	_, _ = io.WriteString(closed, "nonsense\r\n\r\n")
	_, _ = io.ReadAll(closed)
	if n := server.ClosedConnections()["handshake"]; n < 40 || server.OpenConnections() > 8 {
		t.Errorf("%d were closed, %d are open", n, server.OpenConnections())
	}
	close(answer)
	if got, err := io.ReadAll(caller); err != nil || !strings.HasSuffix(string(got), "late") {
		t.Errorf("answer %q, %v", got, err)
	}
	end()
	if n := strings.Count(log.String(), "Closed a connection"); n != 1 {
		t.Errorf("%d lines about connections, want one:\n%s", n, log)
	}
}

// TestAllThatAreBeingAnsweredStay: when all that one address may have are being answered, a new one is refused.
func TestAllThatAreBeingAnsweredStay(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server, _, end := small(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, r.ContentLength)) // It does not look for the end.
		asked <- struct{}{}
		<-answer
		_, _ = io.WriteString(w, "late")
	}))
	defer end()
	const most = 6
	var callers [most]net.Conn
	for i := range callers {
		callers[i] = dial(t, server)
		_, _ = fmt.Fprintf(callers[i], "POST / HTTP/1.1\r\nHost: web\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
			i, "bodies"[:i])
		<-asked
	}
	for range 3 {
		if got, _ := io.ReadAll(dial(t, server)); len(got) > 0 {
			t.Errorf("one too many got %q", got)
		}
	}
	close(answer)
	for i, caller := range callers {
		if got, err := io.ReadAll(caller); err != nil || !strings.HasSuffix(string(got), "late") {
			t.Errorf("answer to caller %d: %q, %v", i, got, err)
		}
	}
	if closed := server.ClosedConnections(); closed["full"] != 3 || closed["body"] != 0 {
		t.Errorf("closed were %v", closed)
	}
}

// TestHeadersAreBounded: 16 KiB and net/http's 4 KiB, whatever the header is.
func TestHeadersAreBounded(t *testing.T) {
	server, _, end := small(t, http.NotFoundHandler())
	defer end()
	for size, want := range map[int]string{14 << 10: "404", 24 << 10: "431", 40 << 10: "431"} {
		conn := dial(t, server)
		_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\nX-Long: %s\r\n\r\n",
			strings.Repeat("x", size))
		if got, _ := io.ReadAll(conn); !strings.HasPrefix(string(got), "HTTP/1.1 "+want) {
			t.Errorf("a header of %d bytes: %.60q, want %s", size, got, want)
		}
	}
}

// TestBodiesThatNobodyReads: those that net/http passes over do not end the connection, and a long one gets its answer.
func TestBodiesThatNobodyReads(t *testing.T) {
	server, _, end := small(t, http.NotFoundHandler())
	defer end()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for _, size := range []int{1, 100 << 10, 250 << 10, 8 << 20, 10} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+server.Addr().String()+"/",
			bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Errorf("a body of %d bytes: %v", size, err)
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNotFound || response.Close && size < 1<<20 {
			t.Errorf("a body of %d bytes: %s, close: %t", size, response.Status, response.Close)
		}
	}
	if n := server.ClosedConnections()["flood"]; n != 0 {
		t.Errorf("%d connections were closed for a flood", n)
	}
}
