// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"testing"
	"time"
)

// presenting is a client that trusts the root and presents the certificates, whatever CAs the server names.
func presenting(root issuer, certificates ...tls.Certificate) *tls.Config {
	c := client(root)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(certificates) == 0 {
			return &tls.Certificate{}, nil
		}
		return &certificates[0], nil
	}
	return c
}

// versions are those of which everything about clients has to hold.
func versions() map[string]uint16 {
	return map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}
}

// demanding is a state that serves a pair of root to the clients of cas, and the address where it is served.
func demanding(t *testing.T, o TLSOptions, root issuer, names []string, cas ...issuer) (*State, string) {
	t.Helper()
	state := &State{}
	state.Set(newPair(t, root))
	state.SetClientAuth(admitting(t, names, cas...))
	address, _ := listen(t, configOf(state.TLSOption(o)))
	return state, address
}

func TestClientsHaveToShowACertificate(t *testing.T) {
	root, ca, other := newRoot(t, "root"), newRoot(t, "clients"), newRoot(t, "others")
	none := []tls.Certificate(nil)
	one := func(c tls.Certificate) []tls.Certificate { return []tls.Certificate{c} }
	for name, tc := range map[string]struct {
		certificates []tls.Certificate
		names        []string
		want         bool
	}{
		"valid":            {one(ca.caller(t, "api-server", nil)), nil, true},
		"none":             {none, nil, false},
		"of another CA":    {one(other.caller(t, "api-server", nil)), nil, false},
		"of the server CA": {one(root.caller(t, "api-server", nil)), nil, false},
		"name allowed":     {one(ca.caller(t, "api-server", nil)), []string{"api-server"}, true},
		"name not allowed": {one(ca.caller(t, "api-server", nil)), []string{"other"}, false},
		"expired": {one(ca.caller(t, "api-server", func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(-time.Second)
		})), nil, false},
		"for servers": {one(ca.caller(t, "api-server", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})), nil, false},
	} {
		for version, number := range versions() {
			t.Run(name+" "+version, func(t *testing.T) {
				_, address := demanding(t, TLSOptions{MinVersion: tls.VersionTLS12}, root, tc.names, ca)
				c := presenting(root, tc.certificates...)
				c.MaxVersion = number
				if s, err := dial(t.Context(), address, c); (err == nil) != tc.want || err == nil && s.Version != number {
					t.Errorf("version %#x, error %v, want to get in: %t", s.Version, err, tc.want)
				}
			})
		}
	}
}

// TestClientCAsDoNotLowerTheBar: minimum version and suites hold for clients with a good certificate, however often the
// options are applied and whatever comes with them.
func TestClientCAsDoNotLowerTheBar(t *testing.T) {
	const suite, another = tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	root, ca := newRoot(t, "root"), newRoot(t, "clients")
	good := ca.caller(t, "api-server", nil)
	for name, tc := range map[string]struct {
		options TLSOptions
		client  func(*tls.Config)
		want    uint16 // zero: the handshake fails
	}{
		"1.3":               {TLSOptions{}, func(*tls.Config) {}, tls.VersionTLS13},
		"no 1.2 by default": {TLSOptions{}, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, 0},
		"no 1.1 with minimum 1.2": {TLSOptions{MinVersion: tls.VersionTLS12}, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		}, 0},
		"1.2 with its suite": {TLSOptions{tls.VersionTLS12, []uint16{suite}}, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite}
		}, tls.VersionTLS12},
		"1.2 with another suite": {TLSOptions{tls.VersionTLS12, []uint16{suite}}, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{another}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			state := &State{}
			state.Set(newPair(t, root))
			state.SetClientAuth(admitting(t, nil, ca))
			option := state.TLSOption(tc.options)
			theirs := func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.NoClientCert, x509.NewCertPool() }
			address, _ := listen(t, configOf(option, theirs, option, theirs))
			c := presenting(root, good)
			tc.client(c)
			s, err := dial(t.Context(), address, c)
			if (err == nil) != (tc.want != 0) || s.Version != tc.want {
				t.Errorf("version %#x, error %v, want version %#x", s.Version, err, tc.want)
			}
			if _, err := dial(t.Context(), address, presenting(root)); err == nil {
				t.Error("a client without a certificate gets in")
			}
		})
	}
}

func TestVerifyConnectionOfOthersIsAskedAsWell(t *testing.T) {
	root, ca := newRoot(t, "root"), newRoot(t, "clients")
	state := &State{}
	state.Set(newPair(t, root))
	state.SetClientAuth(admitting(t, nil, ca))
	theirs := func(c *tls.Config) {
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if name := s.PeerCertificates[0].Subject.CommonName; name != "api-server" {
				return fmt.Errorf("not %s", name)
			}
			return nil
		}
	}
	address, _ := listen(t, configOf(state.TLSOption(TLSOptions{}), theirs))
	for name, want := range map[string]bool{"api-server": true, "somebody": false} {
		if _, err := dial(t.Context(), address, presenting(root, ca.caller(t, name, nil))); (err == nil) != want {
			t.Errorf("%s: %v, want to get in: %t", name, err, want)
		}
	}
}

func TestClientCAsAreExchangedWhileServing(t *testing.T) {
	root, before, after := newRoot(t, "root"), newRoot(t, "before"), newRoot(t, "after")
	clients := map[string]*tls.Config{
		"before": presenting(root, before.caller(t, "api-server", nil)),
		"after":  presenting(root, after.caller(t, "api-server", nil)),
		"none":   presenting(root),
	}
	state, address := demanding(t, TLSOptions{}, root, nil, before)
	for _, step := range []struct {
		set  *ClientAuth
		want map[string]bool
	}{
		{state.ClientAuth(), map[string]bool{"before": true}},
		{admitting(t, nil, before, after), map[string]bool{"before": true, "after": true}},
		{admitting(t, nil, after), map[string]bool{"after": true}},
		{admitting(t, []string{"somebody"}, after), map[string]bool{}},
		{nil, map[string]bool{"before": true, "after": true, "none": true}},
		{admitting(t, nil, before), map[string]bool{"before": true}},
	} {
		state.SetClientAuth(step.set)
		for name, c := range clients {
			if _, err := dial(t.Context(), address, c); (err == nil) != step.want[name] {
				t.Errorf("client %s of %+v: %v", name, step.want, err)
			}
		}
	}
}

// TestClientSessions looks at what becomes of sessions of clients: they go on as long as nothing changes, in both
// versions, and end with any change. The last one, that of their own CA, ends the client's time here.
func TestClientSessions(t *testing.T) {
	root, ca, other := newRoot(t, "root"), newRoot(t, "clients"), newRoot(t, "others")
	for name, version := range versions() {
		t.Run(name, func(t *testing.T) {
			state, address := demanding(t, TLSOptions{MinVersion: tls.VersionTLS12}, root, nil, ca)
			c := presenting(root, ca.caller(t, "api-server", nil))
			c.MaxVersion, c.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
			for i, step := range []struct {
				change func()
				want   bool
			}{
				{func() {}, false},
				{func() {}, true},
				{func() { state.SetClientAuth(admitting(t, nil, ca, other)) }, false},
				{func() {}, true},
				{func() { state.Set(newPair(t, root)) }, false},
				{func() {}, true},
			} {
				step.change()
				s, err := dial(t.Context(), address, c)
				if err != nil || s.DidResume != step.want {
					t.Fatalf("connection %d: resumed %t, error %v, want resumed %t", i+1, s.DidResume, err, step.want)
				}
			}
			state.SetClientAuth(admitting(t, nil, other))
			for range 2 {
				if s, err := dial(t.Context(), address, c); err == nil {
					t.Errorf("the client of a CA that was removed gets in; resumed %t", s.DidResume)
				}
			}
		})
	}
}

// TestASessionIsVerifiedAnew: also with tickets that outlive every change, as a shared ticket key would make them.
func TestASessionIsVerifiedAnew(t *testing.T) {
	root, ca, other := newRoot(t, "root"), newRoot(t, "clients"), newRoot(t, "others")
	for name, version := range versions() {
		t.Run(name, func(t *testing.T) {
			state := &State{}
			state.Set(newPair(t, root))
			state.SetClientAuth(admitting(t, nil, ca))
			l := &listener{state: state, outer: configOf(state.TLSOption(TLSOptions{MinVersion: tls.VersionTLS12}))}
			tickets := &tls.Config{}
			outer := l.outer.Clone()
			outer.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				c, err := l.configForClient(hello)
				c.WrapSession, c.UnwrapSession = tickets.EncryptTicket, tickets.DecryptTicket
				return c, err
			}
			address, _ := listen(t, outer)
			c := presenting(root, ca.caller(t, "api-server", nil))
			c.MaxVersion, c.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
			for _, want := range []bool{false, true} {
				if s, err := dial(t.Context(), address, c); err != nil || s.DidResume != want {
					t.Fatalf("resumed %t, error %v, want resumed %t", s.DidResume, err, want)
				}
			}
			state.SetClientAuth(admitting(t, nil, other))
			if s, err := dial(t.Context(), address, c); err == nil {
				t.Errorf("the client of a CA that was removed gets in; resumed %t", s.DidResume)
			}
		})
	}
}

// TestHandshakesSeeOneState exchanges pair and client CAs from two goroutines while clients of the one CA that is
// always there connect without a pause.
func TestHandshakesSeeOneState(t *testing.T) {
	root, ca := newRoot(t, "root"), newRoot(t, "clients")
	state, address := demanding(t, TLSOptions{}, root, nil, ca)
	c := presenting(root, ca.caller(t, "api-server", nil))
	var writers, clients sync.WaitGroup
	const changes = 100
	var pair *Pair
	var auth *ClientAuth
	writers.Go(func() {
		for range changes {
			pair = newPair(t, root)
			state.Set(pair)
		}
	})
	writers.Go(func() {
		for range changes {
			auth = admitting(t, nil, ca, newRoot(t, "another"))
			state.SetClientAuth(auth)
		}
	})
	done := make(chan struct{})
	for range 2 {
		clients.Go(func() {
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				if _, err := dial(t.Context(), address, c); err != nil {
					t.Errorf("a handshake between two changes: %v", err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	clients.Wait()
	if state.Pair() != pair || state.ClientAuth() != auth {
		t.Error("a change was lost")
	}
}
