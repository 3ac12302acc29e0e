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
	"time"

	"k8s.io/utils/lru"

	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// handshake does what the API server does: TLS with our own listener, for the Service's name, verified with each live
// caBundle in turn.
func (r *Readiness) handshake(ctx context.Context) error {
	pair := r.options.State.Pair()
	if pair == nil {
		return errors.New("there is no certificate to shake hands with yet")
	}
	if r.options.Address() == "" {
		return nil // We do not know where the other container listens.
	}
	presented, err := r.dial(ctx)
	if err != nil {
		return err
	}
	err = r.options.verifyHandshake(presented, pair)
	// Advice about a certificate that is not to be presented any more is for nothing.
	if err != nil && r.options.Sidecar {
		return cmp.Or(notLoaded(presented, pair, r.options.CertDir), err)
	}
	return err
}

// errAskedBack ends our own handshake where the server wants to know who we are.
var errAskedBack = errors.New("the listener asks for a client certificate")

// dial shakes hands with the listener and returns what it presents, for the caller to verify against several bundles.
//
// Where client certificates are demanded the handshake ends with the demand: until then the server has shown its
// certificate and proved that it has the key (in TLS 1.2 and 1.3), and we have no certificate to show.
func (r *Readiness) dial(ctx context.Context) (presented []*x509.Certificate, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookEvery) // Who asks again and again waits for one answer at a time.
	defer cancel()
	address := r.options.Address()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("TLS handshake with %s listener %s: start the server, or correct the address of it that we "+
			"are given (SelfAddress): %w", r.options.whose(), address, err)
	}
	defer conn.Close() //nolint:errcheck // Nothing was written.
	err = tls.Client(conn, &tls.Config{
		ServerName:         r.options.ServerName,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- verifyHandshake verifies, with every bundle.
		VerifyConnection: func(s tls.ConnectionState) error {
			presented = s.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			r.own.Add(conn.LocalAddr().String(), nil)
			return nil, errAskedBack
		},
	}).HandshakeContext(ctx)
	if err != nil && !errors.Is(err, errAskedBack) {
		return nil, fmt.Errorf("TLS handshake with %s listener %s: %w", r.options.whose(), address, err)
	}
	return presented, nil
}

// mostAddresses is far more than there are handshakes between one of ours and the server's line about it.
const mostAddresses = 64

// addresses are those that we have called ourselves from of late.
type addresses struct{ *lru.Cache }

func newAddresses() addresses { return addresses{lru.New(mostAddresses)} }

// take says whether the address is one of them, and forgets it: the next one there may be another client.
func (a addresses) take(address string) bool {
	_, known := a.Get(address)
	a.Remove(address)
	return known
}

func (o Options) whose() string {
	if o.Sidecar {
		return "the other container's"
	}
	return "our own"
}

func (o Options) verifyHandshake(presented []*x509.Certificate, pair *serving.Pair) error {
	now := time.Now()
	if !o.ExternalTrust {
		return o.Injector.Verify(presented, o.ServerName, now)
	}
	// Somebody else keeps the caBundle; what came along with the pair is the best there is to verify with.
	roots := trust.NewBundle(pair.CAs()...)
	if roots.Empty() {
		return presented[0].VerifyHostname(o.ServerName)
	}
	return roots.Verify(presented, o.ServerName, now)
}
