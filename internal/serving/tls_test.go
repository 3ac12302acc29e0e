// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// client returns a configuration that trusts the roots and nothing else.
func client(roots ...issuer) *tls.Config {
	pool := x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r.cert)
	}
	return &tls.Config{RootCAs: pool, ServerName: host}
}

// configOf returns a server configuration with the option applied, as controller-runtime prepares it.
func configOf(options ...func(*tls.Config)) *tls.Config {
	c := &tls.Config{NextProtos: []string{"h2"}}
	for _, o := range options {
		o(c)
	}
	return c
}

// listen accepts TLS connections for as long as the test runs, and greets each one. Its errors are those of the
// handshakes, of which the last ones are kept.
func listen(t *testing.T, c *tls.Config) (address string, handshakeErrors <-chan error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 1000)
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { greet(conn, errs) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		connections.Wait()
	})
	return l.Addr().String(), errs
}

// greet writes one byte, which makes the handshake happen and lets the client receive its session ticket.
func greet(conn net.Conn, errs chan<- error) {
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("!")); err != nil {
		select {
		case errs <- err:
		default:
		}
	}
}

// dial makes one connection and returns what was agreed.
func dial(ctx context.Context, address string, c *tls.Config) (tls.ConnectionState, error) {
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.(*tls.Conn).ConnectionState(), nil
}

func TestHandshakeBeforeTheFirstPair(t *testing.T) {
	var state State
	address, errs := listen(t, configOf(state.TLSOption(TLSOptions{})))
	if _, err := dial(t.Context(), address, client()); err == nil {
		t.Fatal("a handshake succeeds with nothing to serve")
	}
	if err := <-errs; !errors.Is(err, ErrNoCertificate) {
		t.Errorf("the server's error is %v, want ErrNoCertificate", err)
	}
	root := newRoot(t, "root")
	state.Set(newPair(t, root))
	if _, err := dial(t.Context(), address, client(root)); err != nil {
		t.Errorf("a handshake after Set: %v", err)
	}
	state.Set(nil)
	if _, err := dial(t.Context(), address, client(root)); err == nil {
		t.Error("a handshake succeeds after the pair was taken away")
	}
}

// TestHandshakesDuringRotations makes connections without a pause while the pair is replaced 200 times by pairs of two
// roots in turn. Each chain has an intermediate of its own, so a mix of two pairs would not verify.
func TestHandshakesDuringRotations(t *testing.T) {
	roots := []issuer{newRoot(t, "even"), newRoot(t, "odd")}
	var state State
	state.Set(newPair(t, roots[0]))
	address, _ := listen(t, configOf(state.TLSOption(TLSOptions{})))

	rotated, clients := make(chan struct{}), sync.WaitGroup{}
	seen := make([]map[string]bool, 4)
	for i := range seen {
		seen[i] = map[string]bool{}
		clients.Go(func() {
			for last := false; !last; {
				// One more after the last rotation.
				select {
				case <-rotated:
					last = true
				default:
				}
				s, err := dial(t.Context(), address, client(roots...))
				if err != nil {
					t.Errorf("a handshake between two rotations: %v", err)
					return
				}
				seen[i][string(s.PeerCertificates[0].Raw)] = true
			}
		})
	}
	var final *Pair
	for i := range 200 {
		final = newPair(t, roots[i%2])
		state.Set(final)
		// The rotation counts once a handshake has seen it.
		s, err := dial(t.Context(), address, client(roots[i%2]))
		if err != nil {
			t.Fatalf("a handshake after rotation %d: %v", i, err)
		}
		if !s.PeerCertificates[0].Equal(final.Leaf()) {
			t.Fatalf("after rotation %d the server shows another leaf", i)
		}
	}
	close(rotated)
	clients.Wait()
	for i := range seen {
		if len(seen[i]) < 2 || !seen[i][string(final.Leaf().Raw)] {
			t.Errorf("client %d saw %d leaves, and the last one: %t", i, len(seen[i]), seen[i][string(final.Leaf().Raw)])
		}
	}
}

func TestProtocolVersionsAndSuites(t *testing.T) {
	root := newRoot(t, "root")
	const suite, another = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	for name, tc := range map[string]struct {
		options TLSOptions
		client  func(*tls.Config)
		want    uint16 // zero: the handshake fails
	}{
		"1.3 by default":          {TLSOptions{}, func(*tls.Config) {}, tls.VersionTLS13},
		"no 1.2 by default":       {TLSOptions{}, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, 0},
		"1.2 when asked":          {TLSOptions{MinVersion: tls.VersionTLS12}, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, tls.VersionTLS12},
		"no 1.1 with minimum 1.2": {TLSOptions{MinVersion: tls.VersionTLS12}, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }, 0},
		"the suite allowed": {TLSOptions{tls.VersionTLS12, []uint16{suite}}, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite}
		}, tls.VersionTLS12},
		"a suite not allowed": {TLSOptions{tls.VersionTLS12, []uint16{suite}}, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{another}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var state State
			state.Set(newPair(t, root))
			address, _ := listen(t, configOf(state.TLSOption(tc.options)))
			c := client(root)
			tc.client(c)
			s, err := dial(t.Context(), address, c)
			if (err == nil) != (tc.want != 0) || s.Version != tc.want {
				t.Errorf("version %#x, error %v, want version %#x", s.Version, err, tc.want)
			}
		})
	}
}

func TestOnlyHTTP1IsOffered(t *testing.T) {
	root := newRoot(t, "root")
	var state State
	state.Set(newPair(t, root))
	address, _ := listen(t, configOf(state.TLSOption(TLSOptions{})))
	c := client(root)
	c.NextProtos = []string{"h2", "http/1.1"}
	s, err := dial(t.Context(), address, c)
	if err != nil || s.NegotiatedProtocol != "http/1.1" {
		t.Errorf("protocol %q, error %v, want http/1.1", s.NegotiatedProtocol, err)
	}
}

func TestOptionsAppliedAfterwardsHold(t *testing.T) {
	root := newRoot(t, "root")
	var state State
	state.Set(newPair(t, root))
	demandClients := func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		c.ClientCAs.AddCert(root.cert)
	}
	address, errs := listen(t, configOf(state.TLSOption(TLSOptions{}), demandClients))
	if _, err := dial(t.Context(), address, client(root)); err == nil {
		t.Fatal("a client without a certificate gets in")
	}
	<-errs
	c := client(root)
	c.Certificates = []tls.Certificate{*newPair(t, root).Certificate()}
	if _, err := dial(t.Context(), address, c); err != nil {
		t.Errorf("a client with a certificate: %v", err)
	}
	c = client(root)
	c.MaxVersion = tls.VersionTLS12
	c.Certificates = []tls.Certificate{*newPair(t, root).Certificate()}
	if _, err := dial(t.Context(), address, c); err == nil {
		t.Error("the minimum version was lost")
	}
}

// TestResumption looks at what becomes of sessions: they go on as long as the pair is served, in both versions, and end
// with it.
func TestResumption(t *testing.T) {
	root := newRoot(t, "root")
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			var state State
			state.Set(newPair(t, root))
			address, _ := listen(t, configOf(state.TLSOption(TLSOptions{MinVersion: tls.VersionTLS12})))
			c := client(root)
			c.MaxVersion, c.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
			for i, step := range []struct {
				rotate, want bool
			}{{false, false}, {false, true}, {false, true}, {true, false}, {false, true}} {
				if step.rotate {
					state.Set(newPair(t, root))
				}
				s, err := dial(t.Context(), address, c)
				if err != nil || s.DidResume != step.want {
					t.Fatalf("connection %d: resumed %t, error %v, want resumed %t", i+1, s.DidResume, err, step.want)
				}
			}
		})
	}
}

func TestGetCertificateIsSetForControllerRuntime(t *testing.T) {
	var state State
	c := configOf(state.TLSOption(TLSOptions{}))
	if c.GetCertificate == nil {
		t.Fatal("without GetCertificate, controller-runtime reads files")
	}
	if _, err := c.GetCertificate(&tls.ClientHelloInfo{}); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("before the first pair: %v", err)
	}
	pair := newPair(t, newRoot(t, "root"))
	state.Set(pair)
	if got, err := c.GetCertificate(&tls.ClientHelloInfo{}); err != nil || got.Leaf != pair.Leaf() {
		t.Errorf("GetCertificate = %v, %v", got, err)
	}
}

func TestTwoListenersOverOneState(t *testing.T) {
	root := newRoot(t, "root")
	var state State
	option := state.TLSOption(TLSOptions{})
	first, _ := listen(t, configOf(option))
	second, _ := listen(t, configOf(option))
	state.Set(newPair(t, root))
	for _, address := range []string{first, second} {
		s, err := dial(t.Context(), address, client(root))
		if err != nil || !s.PeerCertificates[0].Equal(state.Pair().Leaf()) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
