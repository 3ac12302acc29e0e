// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/tls"
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

// TLSOption returns a function that makes a [tls.Config] serve the state's pair. It has the form of
// controller-runtime's webhook.Options.TLSOpts, and may be applied to any number of configurations.
//
// Options applied to the same configuration afterwards, such as client CAs, hold in each handshake as well: the
// configuration is copied at the first handshake and not before. Handshakes fail with [ErrNoCertificate] as long as
// the state is empty.
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

// listener gives each handshake of one tls.Config a configuration in which everything belongs to one pair.
type listener struct {
	state *State
	outer *tls.Config

	mu      sync.Mutex
	base    *tls.Config // the outer configuration as it was at the first handshake
	pair    *Pair       // the pair that current was built for
	current *tls.Config
}

// configForClient returns the configuration of the pair being served. It is built once per pair: crypto/tls keeps the
// keys of session tickets in it, so a new one in each handshake would never resume a session.
func (l *listener) configForClient(*tls.ClientHelloInfo) (*tls.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base == nil {
		l.base = l.outer.Clone()
	}
	pair := l.state.Pair()
	if pair == nil {
		return nil, ErrNoCertificate
	}
	if l.pair != pair {
		l.pair, l.current = pair, configFor(pair, l.base)
	}
	return l.current, nil
}

// configFor returns the base configuration with the pair as its one certificate.
func configFor(pair *Pair, base *tls.Config) *tls.Config {
	c := base.Clone()
	c.GetConfigForClient, c.GetCertificate = nil, nil
	c.Certificates = []tls.Certificate{*pair.Certificate()}
	// Without these the ticket keys would be the listener's and outlive the pair: a session begun with one
	// certificate could go on after it was replaced. This way a rotation makes each client verify the new one.
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
