// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"k8s.io/utils/lru"
)

// handshakes are those with the listener that we make ourselves, from addresses that are remembered.
type handshakes struct {
	options   Options
	addresses addresses
}

func newHandshakes(o Options) handshakes {
	return handshakes{options: o, addresses: addresses{lru.New(mostAddresses)}}
}

// handshake does what the API server does: TLS with our own listener, for the Service's name, verified with each live
// caBundle in turn.
func (h handshakes) handshake(ctx context.Context) error {
	pair := h.options.State.Pair()
	if pair == nil {
		return errors.New("there is no certificate to shake hands with yet")
	}
	if h.options.Address() == "" {
		return nil // We do not know where the other container listens.
	}
	presented, err := h.dial(ctx)
	if err != nil {
		return err
	}
	err = h.options.verifyHandshake(presented, pair)
	// Advice about a certificate that is not to be presented any more is for nothing.
	if err != nil && h.options.Sidecar {
		return cmp.Or(notLoaded(presented, pair, h.options.CertDir), err)
	}
	return err
}

// errAskedBack ends our own handshake where the server wants to know who we are.
var errAskedBack = errors.New("the listener asks for a client certificate")

// dial shakes hands with the listener and returns what it presents, for the caller to verify against several bundles.
//
// Where client certificates are demanded the handshake ends with the demand: until then the server has shown its
// certificate and proved that it has the key (in TLS 1.2 and 1.3), and we have no certificate to show.
func (h handshakes) dial(ctx context.Context) (presented []*x509.Certificate, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookEvery) // Who asks again and again waits for one answer at a time.
	defer cancel()
	address := h.options.Address()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("TLS handshake with %s listener %s: start the server, or correct the address of it that we "+
			"are given (SelfAddress): %w", h.options.whose(), address, err)
	}
	defer conn.Close() //nolint:errcheck // Nothing was written.
	err = tls.Client(conn, &tls.Config{
		ServerName:         h.options.ServerName,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- verifyHandshake verifies, with every bundle.
		VerifyConnection: func(s tls.ConnectionState) error {
			presented = s.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			h.addresses.Add(conn.LocalAddr().String(), nil)
			return nil, errAskedBack
		},
	}).HandshakeContext(ctx)
	if err != nil && !errors.Is(err, errAskedBack) {
		return nil, fmt.Errorf("TLS handshake with %s listener %s: %w", h.options.whose(), address, err)
	}
	return presented, nil
}

// mostAddresses is far more than there are handshakes between one of ours and the server's line about it.
const mostAddresses = 64

// addresses are those that we have called ourselves from of late.
type addresses struct{ *lru.Cache }

// take says whether the address is one of them, and forgets it: the next one there may be another client.
func (a addresses) take(address string) bool {
	_, known := a.Get(address)
	a.Remove(address)
	return known
}
