// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package listener_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

// here runs a holder in this process, until the function returned is called.
func (p place) here(t *testing.T, releaseAfter time.Duration) (*logs, func() error) {
	t.Helper()
	logs := newLogs()
	ctx, cancel := context.WithCancel(logTo(t, logs))
	holder, err := listener.Hold(ctx, listener.HolderOptions{Socket: p.socket, Address: p.address,
		ReleaseAfter: releaseAfter})
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- holder.Run(ctx) }()
	logs.await(t, holderWaits)
	end := func() error {
		cancel()
		err := <-done
		done <- err // for the next time
		return err
	}
	t.Cleanup(func() { _ = end() })
	return logs, end
}

func logTo(t *testing.T, logs *logs) context.Context {
	t.Helper()
	return klog.NewContext(t.Context(), textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(logs))))
}

func (p place) acquire(t *testing.T) *listener.Listener {
	t.Helper()
	l, err := listener.Acquire(logTo(t, newLogs()), listener.Options{Socket: p.socket, Address: p.address, Patience: time.Second})
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// ended reports whether the other side has closed a connection on which nothing was said.
func (c caller) ended() bool {
	_, err := c.conn.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// TestHolderLetsGo: no one is kept waiting for a server that does not come back, and the next one is welcome.
func TestHolderLetsGo(t *testing.T) {
	p := newPlace(t)
	logs, _ := p.here(t, 50*time.Millisecond)
	for range 2 {
		l := p.acquire(t)
		must(t, l.Close())
		waiting := p.call(t)
		if !waiting.ended() {
			t.Error("a connection that nobody will accept is kept waiting")
		}
		eventually(t, "the port is closed", p.refuses)
	}
	logs.await(t, "Letting go of the listener")
}

// TestHolderWaits: as long as a server may come back, nothing is closed.
func TestHolderWaits(t *testing.T) {
	p := newPlace(t)
	logs, _ := p.here(t, time.Hour)
	must(t, p.acquire(t).Close())
	logs.await(t, "The server has gone")
	p.waitsForTheNext(t)
}

// TestGoneBeforeTheAnswer: a server may be killed in the middle of the greeting. What it has brought, or what was bound
// for it, stays open for the next one all the same.
func TestGoneBeforeTheAnswer(t *testing.T) {
	for _, text := range []string{"want", "offer"} {
		t.Run(text, func(t *testing.T) {
			p, logs := newPlace(t), newLogs()
			ctx := logTo(t, logs)
			holder, err := listener.Hold(ctx, listener.HolderOptions{Socket: p.socket, Address: p.address,
				ReleaseAfter: time.Hour})
			must(t, err)
			l, err := net.Listen("tcp", p.address)
			must(t, err)
			defer l.Close()
			passed := map[string][]syscall.Conn{"offer": {l.(*net.TCPListener)}}
			say(t, p.socket, "hookstrap-listener/1 "+text+"\n", passed[text]...)
			must(t, l.Close())
			done := make(chan error, 1)
			go func() { done <- holder.Run(ctx) }()
			t.Cleanup(func() { must(t, <-done) })
			logs.await(t, "Refused a peer")
			p.waitsForTheNext(t)
		})
	}
}

// waitsForTheNext: who calls while there is no server is served by the next one.
func (p place) waitsForTheNext(t *testing.T) {
	t.Helper()
	waiting := p.call(t)
	l := p.acquire(t)
	must(t, l.SetDeadline(time.Now().Add(20*time.Second)))
	conn, err := l.Accept()
	must(t, err)
	defer conn.Close()
	if conn.RemoteAddr().String() != waiting.conn.LocalAddr().String() {
		t.Error("another connection came first")
	}
}

// TestHolderEndsBehindItsServer: SIGTERM reaches both. The port is the server's alone then, and the holder stays.
func TestHolderEndsBehindItsServer(t *testing.T) {
	p := newPlace(t)
	_, end := p.here(t, time.Hour)
	l := p.acquire(t)
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	eventually(t, "the Unix socket is gone", func() bool {
		_, err := os.Lstat(p.socket)
		return errors.Is(err, os.ErrNotExist)
	})
	p.call(t)
	conn, err := l.Accept()
	must(t, err)
	_ = conn.Close()
	if len(ended) != 0 {
		t.Error("the holder has ended before its server")
	}
	waiting := p.call(t)
	must(t, l.Close())
	if !waiting.ended() || !p.refuses() {
		t.Error("the port outlives its server")
	}
	must(t, <-ended)
}

// TestStrangers: whatever they say, servers are served as before.
func TestStrangers(t *testing.T) {
	other := newPlace(t)
	elsewhere, err := net.Listen("tcp", other.address)
	must(t, err)
	defer elsewhere.Close()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer datagrams.Close()
	file, err := os.Open(os.DevNull)
	must(t, err)
	defer file.Close()
	const offer = "hookstrap-listener/1 offer\n"
	for name, tc := range map[string]struct {
		text   string
		passed []syscall.Conn
		want   string
	}{
		"garbage":             {text: "GET / HTTP/1.1\r\n\r\n", want: "does not speak this protocol"},
		"half a line":         {text: "hookstrap-listener/1 want", want: "does not speak this protocol"},
		"another version":     {text: "hookstrap-listener/2 want\n", want: "does not speak this protocol"},
		"unknown":             {text: "hookstrap-listener/1 hello\n", want: "makes no sense"},
		"too long":            {text: strings.Repeat("a", 1<<16), want: "does not speak this protocol"},
		"nothing":             {want: "waiting for a message"},
		"an offer of nothing": {text: offer, want: "makes no sense"},
		"a want with a socket": {text: "hookstrap-listener/1 want\n", passed: []syscall.Conn{elsewhere.(*net.TCPListener)},
			want: "makes no sense"},
		"another port": {text: offer, passed: []syscall.Conn{elsewhere.(*net.TCPListener)},
			want: "give server and holder the same address"},
		"a socket of UDP": {text: offer, passed: []syscall.Conn{datagrams.(*net.UDPConn)}, want: "no listening socket"},
		"a file":          {text: offer, passed: []syscall.Conn{file}, want: "no listening socket"},
		"many": {text: offer, passed: []syscall.Conn{elsewhere.(*net.TCPListener), file, file, file},
			want: "does not speak this protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			logs, _ := p.here(t, time.Hour)
			l := p.acquire(t)
			say(t, p.socket, tc.text, tc.passed...)
			logs.await(t, tc.want)
			p.call(t)
			conn, err := l.Accept()
			must(t, err)
			_ = conn.Close()
			p.acquire(t)
		})
	}
}

// say sends text and what is passed to anyone who serves the socket, and hangs up.
func say(t *testing.T, socket, text string, passed ...syscall.Conn) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	must(t, err)
	defer conn.Close()
	var fds []int
	for _, what := range passed {
		raw, err := what.SyscallConn()
		must(t, err)
		must(t, raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }))
	}
	if text != "" {
		_, _, err = conn.(*net.UnixConn).WriteMsgUnix([]byte(text), syscall.UnixRights(fds...), nil)
		must(t, err)
	}
}

func TestOneHolder(t *testing.T) {
	p := newPlace(t)
	p.here(t, time.Hour)
	_, err := listener.Hold(t.Context(), listener.HolderOptions{Socket: p.socket, Address: p.address})
	if err == nil || !strings.Contains(err.Error(), "another process serves it") {
		t.Errorf("error %v", err)
	}
}

// TestForeignFile: what is no socket was left by no one of ours.
func TestForeignFile(t *testing.T) {
	p := newPlace(t)
	must(t, os.WriteFile(p.socket, []byte("precious"), 0o600))
	_, err := listener.Hold(t.Context(), listener.HolderOptions{Socket: p.socket, Address: p.address})
	if want := p.socket + ": what is there is no socket: remove it or choose another path"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if content, err := os.ReadFile(p.socket); string(content) != "precious" {
		t.Errorf("the file has %q, %v", content, err)
	}
}

// TestSocketIsPrivate: anyone who gets the port can answer in our name, though without our key.
func TestSocketIsPrivate(t *testing.T) {
	p := newPlace(t)
	p.here(t, time.Hour)
	info, err := os.Lstat(p.socket)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s, want 0600", info.Mode())
	}
}
