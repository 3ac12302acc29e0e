// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Conditions are what "ready" means, one line each for a readiness endpoint: a certificate that has not expired, the
// live caBundle of every object through which the API server calls us verifies it, the API server can call the port
// of the Service that those objects name, and a handshake with our own listener (or the other container's, if we
// know where it listens) succeeds with nothing but those caBundles.
func (b *Bootstrapper) Conditions() []lifecycle.Condition {
	conditions := []lifecycle.Condition{
		{Name: "certificate", Check: func(context.Context) error { return b.certificateNow() }, Note: b.report.Files.Note},
		{Name: "trusted", Check: func(context.Context) error { return b.trustedNow() }, Note: b.waivedNow},
		{Name: "service", Check: func(context.Context) error { return b.serviceNow() }, Note: b.serviceUnread},
	}
	if b.selfAddress() != "" {
		conditions = append(conditions, lifecycle.Condition{Name: "handshake", Check: b.recentHandshake, Note: b.sidecarNow})
	}
	for i := range conditions {
		conditions[i] = b.readiness.observed(conditions[i])
	}
	return conditions
}

// Readyz is all [Bootstrapper.Conditions] as one check, for controller-runtime's AddReadyzCheck.
func (b *Bootstrapper) Readyz(req *http.Request) error {
	for _, condition := range b.Conditions() {
		if err := condition.Check(req.Context()); err != nil {
			return fmt.Errorf("%s: %w", condition.Name, err)
		}
	}
	return nil
}

// certificateNow is nil while a certificate that has not expired is served.
func (b *Bootstrapper) certificateNow() error {
	pair := b.state.Pair()
	if pair == nil && !b.readiness.begun() {
		return b.report.Last.Or(errNotStarted)
	}
	if pair == nil {
		return b.report.Last.Or(errors.New("no certificate yet: the bootstrap is under way"))
	}
	if expiry := pair.Leaf().NotAfter; time.Now().After(expiry) {
		return b.report.Last.Or(fmt.Errorf("the certificate expired at %s", expiry.Format(time.RFC3339)))
	}
	return nil
}

// trustedNow is nil while every live caBundle verifies what is served, and there is one.
func (b *Bootstrapper) trustedNow() error {
	pair := b.state.Pair()
	if pair == nil {
		return errors.New("there is no certificate to be trusted yet")
	}
	if err := b.injector.Verify(pair.Chain(), b.serverName(), time.Now()); err != nil {
		return err
	}
	if err := b.injector.VerifyOthers(pair.Chain(), time.Now()); err != nil {
		return err
	}
	return b.injector.Callable()
}

// waivedNow says which objects readiness does not wait for.
func (b *Bootstrapper) waivedNow() string {
	if b.options.ExternalTrust {
		return "not looked at, because no webhook configuration is named: something else has to write the caBundle"
	}
	waived := b.injector.Waived()
	return strings.Join(slices.Sorted(maps.Values(waived)), "; ")
}

// recentHandshake is one handshake for all who ask within a moment. It is made with the certificate that is served now.
func (b *Bootstrapper) recentHandshake(ctx context.Context) error {
	return b.handshakes.get(ctx, b.state.Pair())
}

// handshake does what the API server does: TLS with our own listener, for the Service's name, verified with each live
// caBundle in turn.
func (b *Bootstrapper) handshake(ctx context.Context) error {
	pair := b.state.Pair()
	if pair == nil {
		return errors.New("there is no certificate to shake hands with yet")
	}
	if b.selfAddress() == "" {
		return nil // We do not know where the other container listens.
	}
	presented, err := b.dial(ctx)
	if err != nil {
		return err
	}
	err = b.verifyHandshake(presented, pair)
	// Advice about a certificate that is not to be presented any more is for nothing.
	if err != nil && b.options.Sidecar {
		return cmp.Or(notLoaded(presented, pair, b.options.CertDir), err)
	}
	return err
}

// errAskedBack ends our own handshake where the server wants to know who we are.
var errAskedBack = errors.New("the listener asks for a client certificate")

// dial shakes hands with the listener and returns what it presents, for the caller to verify against several bundles.
//
// Where client certificates are demanded the handshake ends with the demand: until then the server has shown its
// certificate and proved that it has the key (in TLS 1.2 and 1.3), and we have no certificate to show.
func (b *Bootstrapper) dial(ctx context.Context) (presented []*x509.Certificate, err error) {
	address := b.selfAddress()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("TLS handshake with %s listener %s: start the server, or correct the address of it that we "+
			"are given (SelfAddress): %w", b.whose(), address, err)
	}
	defer conn.Close() //nolint:errcheck // Nothing was written.
	err = tls.Client(conn, &tls.Config{
		ServerName:         b.serverName(),
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- verifyHandshake verifies, with every bundle.
		VerifyConnection: func(s tls.ConnectionState) error {
			presented = s.PeerCertificates
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			b.own.add(conn.LocalAddr().String())
			return nil, errAskedBack
		},
	}).HandshakeContext(ctx)
	if err != nil && !errors.Is(err, errAskedBack) {
		return nil, fmt.Errorf("TLS handshake with %s listener %s: %w", b.whose(), address, err)
	}
	return presented, nil
}

func (b *Bootstrapper) whose() string {
	if b.options.Sidecar {
		return "the other container's"
	}
	return "our own"
}

func (b *Bootstrapper) verifyHandshake(presented []*x509.Certificate, pair *serving.Pair) error {
	now := time.Now()
	if len(b.options.WebhookConfigurations) > 0 {
		return b.injector.Verify(presented, b.serverName(), now)
	}
	// Somebody else keeps the caBundle; what came along with the pair is the best there is to verify with.
	roots := trust.NewBundle(pair.CAs()...)
	if roots.Empty() {
		return presented[0].VerifyHostname(b.serverName())
	}
	return roots.Verify(presented, b.serverName(), now)
}
