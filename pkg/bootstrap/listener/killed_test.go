// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package listener_test

import "testing"

const (
	holderWaits  = "Waiting for a server"
	holderHas    = "Adopted the listener"
	serverGot    = "Got the listener"
	serverBound  = "Bound the port"
	serverShares = "Gave the listener to its holder"
)

// TestKilledServer: those who call while there is no server wait for the next one.
func TestKilledServer(t *testing.T) {
	p := newPlace(t)
	p.start(t, "holder", holderWaits)
	server := p.start(t, "server", serverGot)
	for range 3 {
		p.call(t).want(t, server)
		server.kill()
		var waiting []caller
		for range 8 {
			waiting = append(waiting, p.call(t))
		}
		server = p.start(t, "server", serverGot)
		for _, caller := range waiting {
			caller.want(t, server)
		}
	}
}

// TestKilledHolder: the server goes on, and gives the next holder what it has.
func TestKilledHolder(t *testing.T) {
	p := newPlace(t)
	holder := p.start(t, "holder", holderWaits)
	server := p.start(t, "server", serverGot)
	for range 2 {
		holder.kill()
		p.call(t).want(t, server)
		holder = p.start(t, "holder", holderHas)
		p.call(t).want(t, server)
	}
	server.kill()
	waiting := p.call(t)
	waiting.want(t, p.start(t, "server", serverGot))
}

// TestServerFirst: without a holder the server binds the port, and passes it on to a late one.
func TestServerFirst(t *testing.T) {
	p := newPlace(t)
	server := p.start(t, "server", serverBound)
	p.call(t).want(t, server)
	p.start(t, "holder", holderHas)
	server.logs.await(t, serverShares)
	server.kill()
	waiting := p.call(t)
	waiting.want(t, p.start(t, "server", serverGot))
}

// TestBothKilled: no one has the port, and what is left of the Unix socket is in no one's way.
func TestBothKilled(t *testing.T) {
	p := newPlace(t)
	holder := p.start(t, "holder", holderWaits)
	server := p.start(t, "server", serverGot)
	holder.kill()
	server.kill()
	if !p.refuses() {
		t.Error("the port is still open")
	}
	p.start(t, "holder", holderWaits)
	server = p.start(t, "server", serverGot)
	p.call(t).want(t, server)
}
