// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package connlimit

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is one end of a pipe with a remote address of its own.
type pipe struct {
	net.Conn

	remote string
}

func (p pipe) RemoteAddr() net.Addr { return address(p.remote) }

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// house is a limiter and the connections that came to it, by name.
type house struct {
	t       *testing.T
	limiter *Limiter
	reports []string
	conns   map[string]*conn
	peers   map[string]net.Conn
}

func newHouse(t *testing.T, most int) *house {
	t.Helper()
	h := &house{t: t, conns: map[string]*conn{}, peers: map[string]net.Conn{}}
	h.limiter = New(most, func(reason Reason, client string) {
		h.reports = append(h.reports, string(reason)+" "+client)
	})
	return h
}

// come opens a connection of a client and brings it into a state. A second later is the next one.
func (h *house) come(name, client string, s state) {
	h.t.Helper()
	ours, theirs := net.Pipe()
	c := h.limiter.admit(pipe{ours, client + ":1234"})
	h.conns[name], h.peers[name] = c, theirs
	if c != nil && s != fresh {
		c.enter(s)
	}
	<-time.After(time.Second)
}

// left are the names of the connections that are open, in the order asked for.
func (h *house) left(names ...string) string {
	h.t.Helper()
	var open []string
	for _, name := range names {
		if _, known := h.limiter.conns[h.conns[name]]; known {
			open = append(open, name)
		}
	}
	return strings.Join(open, " ")
}

func (h *house) want(open, reports string, names ...string) {
	h.t.Helper()
	if got := h.left(names...); got != open {
		h.t.Errorf("open are %q, want %q", got, open)
	}
	if got := strings.Join(h.reports, ", "); got != reports {
		h.t.Errorf("reported %q, want %q", got, reports)
	}
}

func inBubble(t *testing.T, most int, test func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newHouse(t, most)) })
}

func TestTheLongestIdleOneGoes(t *testing.T) {
	inBubble(t, 4, func(h *house) {
		h.come("a", "10.0.0.1", answering)
		h.come("b", "10.0.0.1", idle)
		h.come("c", "10.0.0.2", idle)
		h.come("d", "10.0.0.2", idle)
		h.come("e", "10.0.0.3", idle)
		h.want("a c d e", "idle 10.0.0.1", "a", "b", "c", "d", "e")
		// Used again, c has waited less than d.
		h.conns["c"].enter(answering)
		h.conns["c"].enter(idle)
		h.come("f", "10.0.0.4", idle)
		h.want("a c e f", "idle 10.0.0.1, idle 10.0.0.2", "a", "b", "c", "d", "e", "f")
		if n := h.limiter.Open(); n != 4 {
			t.Errorf("%d are open", n)
		}
	})
}

func TestWhoHoldsMostGivesWay(t *testing.T) {
	inBubble(t, 8, func(h *house) {
		h.come("api server", "10.0.0.1", idle) // It has waited longest.
		for i := range 20 {
			h.come(fmt.Sprint(i), "10.0.0.2", []state{idle, sending}[i%2])
		}
		h.come("another", "10.0.0.3", sending)
		for i := range 20 {
			h.come(fmt.Sprint(i), "10.0.0.2", fresh)
		}
		if got := h.left("api server", "another"); got != "api server another" {
			t.Errorf("open are %q", got)
		}
		if n := h.limiter.hosts["10.0.0.2"]; n > 6 {
			t.Errorf("one client has %d connections of 8", n)
		}
	})
}

func TestNoneThatIsBeingAnsweredGoes(t *testing.T) {
	inBubble(t, 4, func(h *house) {
		for _, name := range []string{"a", "b", "c"} {
			h.come(name, "10.0.0.1", answering)
		}
		h.come("d", "10.0.0.1", fresh) // One client has three quarters at most.
		h.want("a b c", "full 10.0.0.1", "a", "b", "c", "d")
		h.come("e", "10.0.0.2", answering)
		h.come("f", "10.0.0.3", fresh)
		h.want("a b c e", "full 10.0.0.1, full 10.0.0.3", "a", "b", "c", "d", "e", "f")
		if _, err := h.peers["f"].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the one that was refused: %v", err)
		}
		if n := h.limiter.Closed(Full); n != 2 {
			t.Errorf("%d counted", n)
		}
	})
}

func TestBodiesGoAfterTheIdleOnes(t *testing.T) {
	inBubble(t, 4, func(h *house) {
		h.come("body", "10.0.0.1", sending)
		h.come("idle", "10.0.0.1", idle)
		h.come("c", "10.0.0.2", answering)
		h.come("d", "10.0.0.2", answering)
		h.come("e", "10.0.0.3", answering)
		h.want("body c d e", "idle 10.0.0.1", "body", "idle", "c", "d", "e")
		h.come("f", "10.0.0.3", answering)
		h.want("c d e f", "idle 10.0.0.1, body 10.0.0.1", "body", "idle", "c", "d", "e", "f")
	})
}

func TestHalfMayBeWithoutARequest(t *testing.T) {
	inBubble(t, 8, func(h *house) {
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			h.come(name, "10.0.0.1", fresh)
		}
		h.want("b c d e", "handshake 10.0.0.1", "a", "b", "c", "d", "e")
		h.conns["b"].enter(answering)
		h.come("f", "10.0.0.1", fresh)
		h.want("b c d e f", "handshake 10.0.0.1", "a", "b", "c", "d", "e", "f")
		for _, name := range []string{"b", "c", "d", "e", "f"} {
			_ = h.conns[name].Close()
			_ = h.conns[name].Close() // Twice is once.
		}
		if h.limiter.fresh != 0 || len(h.limiter.hosts) != 0 || h.limiter.Open() != 0 {
			t.Errorf("%d fresh, hosts %v, %d open after all have gone", h.limiter.fresh, h.limiter.hosts, h.limiter.Open())
		}
	})
}

// TestAFloodEnds: bytes of which nothing comes are bounded, and those of a request are not.
func TestAFloodEnds(t *testing.T) {
	inBubble(t, 4, func(h *house) {
		h.come("a", "10.0.0.1", fresh)
		c := h.conns["a"]
		go func() { _, _ = io.Copy(h.peers["a"], endless{}) }()
		buffer := make([]byte, 4096)
		read := func() (sum int) {
			for {
				n, err := c.Read(buffer)
				sum += n
				if err != nil || sum > 2*MaxUnseen {
					return sum
				}
			}
		}
		for range 100 { // A request that advances.
			if n, err := c.Read(buffer); n == 0 || err != nil {
				t.Fatal(n, err)
			}
			c.unseen.Store(0)
		}
		if sum := read(); sum < MaxUnseen || sum > MaxUnseen+len(buffer) {
			t.Errorf("%d bytes were read", sum)
		}
		_ = c.Close()
		h.want("", "flood 10.0.0.1", "a")
	})
}

// endless is a reader of zeros.
type endless struct{}

// Read implements [io.Reader].
func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestAHeaderThatBegins: a connection on which the next request has begun has not waited for long.
func TestAHeaderThatBegins(t *testing.T) {
	inBubble(t, 4, func(h *house) {
		h.come("a", "10.0.0.1", idle)
		h.come("b", "10.0.0.1", idle)
		h.come("c", "10.0.0.2", answering)
		h.come("d", "10.0.0.2", answering)
		go func() { _, _ = io.WriteString(h.peers["a"], "POST") }()
		if _, err := h.conns["a"].Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		h.come("e", "10.0.0.3", idle)
		h.want("a c d e", "idle 10.0.0.1", "a", "b", "c", "d", "e")
	})
}
