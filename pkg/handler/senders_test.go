// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sync/errgroup"
)

func (g *gate) inUse() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bytes
}

// Five hundred senders who stall take more memory than there is, over connections as callers make them.
func TestStalledSendersKeepNobodyOut(t *testing.T) {
	h := limitedHandler(t, Limits{Bytes: 20 << 20}, says("quiet"))
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close) // after the connections
	stall(t, server, 500)
	isAnyCutOff := func() bool { return testutil.ToFloat64(h.gate.refused.WithLabelValues("slow")) > 0 }
	for begin := time.Now(); !isAnyCutOff(); { // A fast machine is here before the first have stalled for long.
		for range 20 { // or there would soon be more connections than may be open
			askServer(t, server)
		}
		if stall(t, server, 1); time.Since(begin) > 10*time.Second {
			t.Fatal("nobody is cut off: there is room for all")
		}
	}
	for begin := time.Now(); ; {
		code := askServer(t, server)
		if code == http.StatusOK {
			break
		}
		if code != http.StatusServiceUnavailable || time.Since(begin) > 10*time.Second {
			t.Fatalf("a usual review got %d after %s", code, time.Since(begin))
		}
	}
	for range 100 {
		if code := askServer(t, server); code != http.StatusOK {
			t.Errorf("another usual review got %d", code)
		}
	}
}

// stall opens connections, and sends most of a usual body over each.
func stall(t *testing.T, server *httptest.Server, n int) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for range n {
		group.Go(func() error {
			conn, err := (&tls.Dialer{Config: clientConfig(server)}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = conn.Close() })
			_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				usualBody, strings.Repeat(" ", usualBody-1))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func clientConfig(server *httptest.Server) *tls.Config {
	return server.Client().Transport.(*http.Transport).TLSClientConfig
}

func askServer(t *testing.T, server *httptest.Server) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(sampleReview(t, 8800)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// pipeWriter is a writer of answers whose deadline for reading ends the reading of a pipe.
type pipeWriter struct {
	*httptest.ResponseRecorder
	body *io.PipeReader
}

func (w *pipeWriter) SetReadDeadline(at time.Time) error {
	if !at.After(time.Now()) {
		return w.body.CloseWithError(io.ErrUnexpectedEOF)
	}
	return nil
}

// Who is cut off is the one who has been sending for longest, not before a second, and is told why.
func TestTheSlowestSenderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limitedHandler(t, Limits{Bytes: 20 << 20}, says("quiet"))
		begin := func() (answer *pipeWriter, more *io.PipeWriter, ended chan struct{}) {
			body, writer := io.Pipe()
			answer, ended = &pipeWriter{httptest.NewRecorder(), body}, make(chan struct{})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
			r.ContentLength = maxBody
			r.Header.Set("Content-Type", "application/json")
			go func() {
				defer close(ended)
				h.ServeHTTP(answer, r)
				_ = body.Close()
			}()
			_, _ = writer.Write(make([]byte, 4<<20+1)) // it now has the memory for 7 MiB
			synctest.Wait()
			return answer, writer, ended
		}
		slowest, _, ended := begin()
		<-time.After(patience / 2)
		second, more, secondEnded := begin()
		if early, _, earlyEnded := begin(); !isClosed(earlyEnded) || early.Code != http.StatusServiceUnavailable {
			t.Errorf("the third got %d, though nobody is slow yet", early.Code)
		}
		<-time.After(patience / 2)
		_, last, _ := begin()
		if !isClosed(ended) || slowest.Code != http.StatusServiceUnavailable || isClosed(secondEnded) {
			t.Errorf("the slowest got %d %s; the second has ended: %t", slowest.Code, slowest.Body, isClosed(secondEnded))
		}
		if n := testutil.ToFloat64(h.gate.refused.WithLabelValues("slow")); n != 1 {
			t.Errorf("%v were counted", n)
		}
		_, _ = more.Close(), last.Close()
		synctest.Wait()
		if second.Code == http.StatusServiceUnavailable || h.gate.inUse() != 0 || len(h.gate.senders) != 0 {
			t.Errorf("the second got %d; %d bytes and %d senders are left", second.Code, h.gate.inUse(), len(h.gate.senders))
		}
	})
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Who would not get enough even so cuts off no one.
func TestNobodyIsCutOffInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limitedHandler(t, Limits{Bytes: 20 << 20}, says("quiet"))
		answered := &reservation{gate: h.gate, since: time.Now()}
		body, _ := io.Pipe()
		slow := &reservation{gate: h.gate, since: time.Now(), writer: &pipeWriter{httptest.NewRecorder(), body}}
		for _, r := range []*reservation{answered, slow} {
			if refused := r.grow(6<<20, time.Time{}); refused != nil {
				t.Fatal(refused)
			}
		}
		if refused := answered.received(); refused != nil {
			t.Fatal(refused)
		}
		<-time.After(2 * patience)
		// A quarter of the 20 MiB is not for large ones.
		if refused := (&reservation{gate: h.gate, since: time.Now()}).grow(10<<20, time.Time{}); refused == nil {
			t.Error("there was room for more than there is")
		}
		if refused := slow.received(); refused != nil {
			t.Errorf("the slow one lost its memory to one who got none: %v", refused)
		}
	})
}
