// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
)

// TLSOptions is what a listener demands besides its key pair.
type TLSOptions struct {
	// MinVersion is the oldest protocol version spoken, such as [tls.VersionTLS12]. Zero means TLS 1.3.
	MinVersion uint16
	// CipherSuites are those allowed in TLS 1.2; TLS 1.3 has its own, which Go does not let one choose. Empty means
	// Go's choice.
	CipherSuites []uint16
}

// TLSOption returns a function that makes a [tls.Config] serve the state's pair to the clients of its [ClientAuth]. It
// has the form of controller-runtime's webhook.Options.TLSOpts, and may be applied to any number of configurations.
//
// Options applied to the same configuration afterwards hold in each handshake as well: the configuration is copied at
// the first handshake and not before. Only ClientAuth and ClientCAs are the state's once it has a [ClientAuth]; the
// client is verified in VerifyConnection then, and VerifiedChains of its connection stays empty. Handshakes fail with
// [ErrNoCertificate] as long as the state is empty.
func (s *State) TLSOption(o TLSOptions) func(*tls.Config) {
	if o.MinVersion == 0 {
		o.MinVersion = tls.VersionTLS13
	}
	o.CipherSuites = slices.Clone(o.CipherSuites)
	return func(c *tls.Config) {
		c.MinVersion = o.MinVersion
		c.CipherSuites = o.CipherSuites
		// The API server speaks HTTP/1.1 to webhooks behind a Service whatever is offered, so HTTP/2 would only add
		// its resource exhaustion attacks (CVE-2023-44487, CVE-2023-45288) and no speed.
		c.NextProtos = []string{"http/1.1"}
		l := &listener{state: s, outer: c}
		c.GetConfigForClient = l.configForClient
		// Never asked in a handshake, but controller-runtime looks for files of its own when it is missing.
		c.GetCertificate = l.certificate
	}
}

// ConfigForAll returns a configuration that serves the state's pair to every client: what a [ClientAuth] demands is for
// the listener that has [State.TLSOption].
func (s *State) ConfigForAll(o TLSOptions) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS13} // Unless the options say another one.
	s.TLSOption(o)(c)
	c.GetConfigForClient = nil
	// A session that is resumed would go on with the pair that it was begun with.
	c.SessionTicketsDisabled = true
	return c
}

// listener gives each handshake of one tls.Config a configuration in which everything belongs to one snapshot.
type listener struct {
	state    *State
	outer    *tls.Config
	refusals limiter

	mu       sync.Mutex
	base     *tls.Config // the outer configuration as it was at the first handshake
	snapshot snapshot    // what current was built for
	current  *tls.Config
}

// configForClient returns the configuration of the current snapshot, for one handshake.
func (l *listener) configForClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	c, clients, err := l.config()
	if err != nil || clients == nil {
		return c, err
	}
	return guard(c, clients, hello, &l.refusals), nil
}

// config returns the configuration of the current snapshot, and its clients. It is built once per snapshot: crypto/tls
// keeps the keys of session tickets in it, so a new one in each handshake would never resume a session.
func (l *listener) config() (*tls.Config, *ClientAuth, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base == nil {
		l.base = l.outer.Clone()
	}
	now := l.state.load()
	if now.pair == nil {
		return nil, nil, ErrNoCertificate
	}
	if l.snapshot != now {
		l.snapshot, l.current = now, configFor(now, l.base)
	}
	return l.current, now.clients, nil
}

// configFor returns the base configuration with the pair as its one certificate, and a demand for clients'.
func configFor(s snapshot, base *tls.Config) *tls.Config {
	c := base.Clone()
	c.GetConfigForClient, c.GetCertificate = nil, nil
	c.Certificates = []tls.Certificate{*s.pair.Certificate()}
	if s.clients != nil {
		// ClientAuth.verify verifies; the CAs are for telling a client which of its certificates to choose.
		c.ClientAuth, c.ClientCAs = tls.RequireAnyClientCert, s.clients.roots
	}
	// Without these the ticket keys would be the listener's and outlive the snapshot: a session begun with one
	// certificate could go on after it was replaced, or one of a client after its CA was removed. This way a change
	// makes each side verify the other again.
	c.WrapSession, c.UnwrapSession = c.EncryptTicket, c.DecryptTicket
	return c
}

func (l *listener) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair := l.state.Pair()
	if pair == nil {
		return nil, ErrNoCertificate
	}
	return pair.Certificate(), nil
}

// ErrNoCertificate is what a handshake fails with as long as there is nothing to serve.
var ErrNoCertificate = errors.New("no certificate yet: the server is waiting for its first key pair, " +
	"look at its readiness and its log for the reason")

// State holds what handshakes are made with: the pair being served and, where clients have to show a certificate, who
// of them gets in. The zero value holds neither. It is safe for concurrent use and must not be copied.
type State struct {
	mu      sync.Mutex
	current snapshot
}

// snapshot is everything a handshake looks at.
type snapshot struct {
	pair    *Pair
	clients *ClientAuth
}

// Set makes p the pair for all handshakes that start from now on. Nil takes the current one away.
func (s *State) Set(p *Pair) { s.update(func(next *snapshot) { next.pair = p }) }

// Pair returns the pair being served, nil when there is none.
func (s *State) Pair() *Pair { return s.load().pair }

// Leaf returns the certificate being served, nil when there is none.
func (s *State) Leaf() *x509.Certificate {
	if pair := s.Pair(); pair != nil {
		return pair.Leaf()
	}
	return nil
}

// SetClientAuth makes a decide about the clients of all handshakes that start from now on. Nil admits every client.
func (s *State) SetClientAuth(a *ClientAuth) { s.update(func(next *snapshot) { next.clients = a }) }

// ClientAuth returns what decides about clients, nil when each of them gets in.
func (s *State) ClientAuth() *ClientAuth { return s.load().clients }

func (s *State) load() snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *State) update(change func(*snapshot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.current)
}
