// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// atOnce is how many handshakes are made at the same time.
const atOnce = 16

// dialFunc opens a connection to HOST:PORT.
type dialFunc func(ctx context.Context, address string) (net.Conn, error)

func dialDirectly(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// dialing connects to servers, directly or by a port-forward.
type dialing struct{ *gathering }

// handshakes shakes hands with every server once, however many entries call it.
func (g dialing) handshakes(ctx context.Context) {
	g.Progress("shaking hands with servers")
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(atOnce)
	seen := map[string]bool{}
	backends := g.facts.BackendsOf()
	for i := range g.facts.Entries {
		e := &g.facts.Entries[i]
		to := e.Destination()
		if to == "" || seen[to] {
			continue
		}
		seen[to] = true
		for _, call := range g.calls(e, backends) {
			group.Go(func() error {
				h := g.shake(ctx, call)
				mu.Lock()
				defer mu.Unlock()
				g.facts.Handshakes[to] = append(g.facts.Handshakes[to], h)
				return nil
			})
		}
	}
	_ = group.Wait() // No call returns an error: each is a fact.
}

// call is one handshake to be made.
type call struct {
	handshake  doctor.Handshake // without the outcome
	serverName string
	protocols  []string
	unsure     bool // what is dialed need not be what the API server dials
	dial       func(ctx context.Context) (net.Conn, error)
}

// calls are the handshakes that an entry takes: one with each ready Pod, or one with the host of its URL.
func (g dialing) calls(e *doctor.Entry, backends func(*doctor.Entry) []doctor.Backend) []call {
	if e.ClientConfig.Service == nil {
		address := e.Destination()
		return []call{{
			handshake: doctor.Handshake{Address: address}, serverName: e.ServerName(), protocols: []string{"h2", "http/1.1"},
			dial: func(ctx context.Context) (net.Conn, error) { return g.dial(ctx, address) },
		}}
	}
	var calls []call
	for i, b := range backends(e) {
		if i == g.PodsPerService {
			break
		}
		// The API server offers no other protocol with a Service.
		c := call{serverName: e.ServerName(), protocols: []string{"http/1.1"}}
		_, err := netip.ParseAddr(b.Addresses[0])
		c.unsure = err != nil // The name of an ExternalName, which may be localhost.
		if g.Connect == PortForward && b.Pod.Name != "" {
			c.handshake = doctor.Handshake{Pod: b.Pod, Address: fmt.Sprint(b.Port)}
			c.dial = func(ctx context.Context) (net.Conn, error) { return g.forward(ctx, b.Pod, b.Port) }
		} else {
			address := net.JoinHostPort(b.Addresses[0], fmt.Sprint(b.Port))
			c.handshake = doctor.Handshake{Pod: b.Pod, Address: address}
			c.dial = func(ctx context.Context) (net.Conn, error) { return g.dial(ctx, address) }
		}
		calls = append(calls, c)
	}
	return calls
}

// errAskedBack ends a handshake in which the server wants a certificate of the client. It has shown its own by then,
// and what an API server has to show is not known here.
var errAskedBack = errors.New("the server asks for a client certificate")

// unreachedError is a server to which there is no way from here.
type unreachedError struct{ error }

// Unwrap returns the error itself.
func (e *unreachedError) Unwrap() error { return e.error }

// shake makes one handshake and says how far it came. Package doctor verifies what is presented, with the caBundle of
// each entry.
func (g dialing) shake(ctx context.Context, c call) doctor.Handshake {
	ctx, cancel := context.WithTimeout(ctx, g.Timeout)
	defer cancel()
	h := c.handshake
	conn, err := c.dial(ctx)
	if err != nil {
		h.Stage, h.Err = g.stage(c, err), err
		return h
	}
	defer conn.Close() //nolint:errcheck // Nothing was written.
	err = tls.Client(conn, &tls.Config{
		ServerName: c.serverName, NextProtos: c.protocols, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- package doctor verifies.
		VerifyConnection: func(s tls.ConnectionState) error {
			h.Chain = s.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return nil, errAskedBack },
	}).HandshakeContext(ctx)
	switch refused := (*refusedError)(nil); {
	case len(h.Chain) > 0 && (err == nil || errors.Is(err, errAskedBack)):
		h.Stage = doctor.Done
	case errors.As(err, &refused):
		h.Stage, h.Err = doctor.Refused, err
	case err == nil:
		h.Stage, h.Err = doctor.Failed, errors.New("the server presents no certificate")
	default:
		h.Stage, h.Err = doctor.Failed, err
	}
	return h
}

// stage says what a failed connection means. One to the address of a URL, or of a Pod without a network of Pods around
// us, says nothing about the API server's.
func (g dialing) stage(c call, err error) doctor.Stage {
	var unreached *unreachedError
	switch {
	case errors.As(err, &unreached) || c.unsure:
		return doctor.Unreached
	case c.handshake.Pod.Name != "" && g.Connect == PortForward:
		return doctor.Refused
	case isRefused(err):
		return doctor.Refused
	}
	return doctor.Unreached
}
