// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package listener_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

// TestBrokenHolder: one that hangs, or talks nonsense, costs a moment.
func TestBrokenHolder(t *testing.T) {
	for name, answer := range map[string]string{
		"hangs": "", "nonsense": "220 mail.example.com\r\n", "passes nothing": "hookstrap-listener/1 done\n",
		"refuses": "hookstrap-listener/1 refused: no\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			answerAll(t, p.socket, answer)
			logs := newLogs()
			l, err := listener.Acquire(logTo(t, logs), listener.Options{Socket: p.socket, Address: p.address,
				Patience: 50 * time.Millisecond})
			must(t, err)
			defer l.Close()
			logs.await(t, serverBound)
			p.call(t)
			conn, err := l.Accept()
			must(t, err)
			_ = conn.Close()
		})
	}
}

// answerAll serves a socket as a broken holder does.
func answerAll(t *testing.T, socket, answer string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			_, _ = io.WriteString(conn, answer)
		}
	}()
}

// TestAnotherPort: the listener of another server is of no use.
func TestAnotherPort(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	p.here(t, time.Hour)
	logs := newLogs()
	l, err := listener.Acquire(logTo(t, logs), listener.Options{Socket: p.socket, Address: other.address,
		Patience: 50 * time.Millisecond})
	must(t, err)
	defer l.Close()
	if got := l.Addr().String(); got != other.address {
		t.Errorf("listening on %s, want %s", got, other.address)
	}
	logs.await(t, "give server and holder the same address")
}

// TestAnotherPortIsNotKeptOpen: a server whose listener is refused again and again is none that the holder waits for, and
// it fills no log.
func TestAnotherPortIsNotKeptOpen(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	holder, _ := p.here(t, time.Second)
	logs := newLogs()
	l, err := listener.Acquire(logTo(t, logs), listener.Options{Socket: p.socket, Address: other.address, Patience: time.Second})
	must(t, err)
	go l.Share(logTo(t, logs))
	t.Cleanup(func() { _ = l.Close() })
	holder.await(t, "Letting go of the listener")
	eventually(t, "the port is closed", p.refuses)
	logs.await(t, "No process holds the listener")
	if text, _ := holder.so(); strings.Count(text, "Refused a peer") != 1 {
		t.Errorf("logged %s", text)
	}
}

// TestAddressThatCannotBeBound is an error at once, for no waiting cures it.
func TestAddressThatCannotBeBound(t *testing.T) {
	p := newPlace(t)
	_, err := listener.Acquire(t.Context(), listener.Options{Socket: p.socket, Address: "203.0.113.1:9443",
		Patience: time.Millisecond})
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || !strings.Contains(err.Error(), p.socket) {
		t.Errorf("error %v, want one that names the address and the socket", err)
	}
}

// TestSlowHolder: it has bound the port, and answers later than the server waits.
func TestSlowHolder(t *testing.T) {
	p := newPlace(t)
	taken, err := net.Listen("tcp", p.address)
	must(t, err)
	got := make(chan *listener.Listener)
	go func() {
		l, err := listener.Acquire(t.Context(), listener.Options{Socket: p.socket, Address: p.address,
			Patience: 10 * time.Millisecond})
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	must(t, taken.Close())
	must(t, (<-got).Close())
}

func TestAcquireEnds(t *testing.T) {
	p := newPlace(t)
	taken, err := net.Listen("tcp", p.address)
	must(t, err)
	defer taken.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = listener.Acquire(ctx, listener.Options{Socket: p.socket, Address: p.address, Patience: time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestShareEnds with the listener, and with its context, which leaves the holder in the belief that there is a server.
func TestShareEnds(t *testing.T) {
	p := newPlace(t)
	logs, _ := p.here(t, 0)
	l := p.acquire(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	share := func() { l.Share(ctx); ended <- struct{}{} }
	go share()
	cancel()
	<-ended
	p.call(t)
	conn, err := l.Accept()
	must(t, err)
	_ = conn.Close()
	if logged, _ := logs.so(); strings.Contains(logged, "The server has gone") {
		t.Error("the holder was told too early that there is no server")
	}
	ctx = t.Context()
	go share()
	must(t, l.Close())
	<-ended
	logs.await(t, "Letting go")
}
