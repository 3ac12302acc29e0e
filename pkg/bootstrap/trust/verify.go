// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Verify checks a serving certificate as the API server would with this bundle for its caBundle: chain[0] is the
// leaf, the rest are intermediates, serverName is the name the API server asks for (<service>.<namespace>.svc), and
// now is the time of the handshake. The error names both leaf and bundle, and what to do. See RFC 5280, section 6.
//
// The empty bundle verifies nothing. (The API server falls back to its host's roots then, which is never what the
// owner of a webhook meant.)
func (b Bundle) Verify(chain []*x509.Certificate, serverName string, now time.Time) error {
	if len(chain) == 0 || chain[0] == nil {
		return fmt.Errorf("no certificate chain to verify for %s: obtain a serving certificate first", serverName)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName:       serverName,
		Roots:         b.pool(),
		Intermediates: NewBundle(chain[1:]...).pool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return fmt.Errorf("serving certificate (%s) is not trusted for %s by the CA bundle (%s): %w: %s",
			DescribeCertificate(chain[0]), serverName, b.Describe(), err, advice(err))
	}
	return nil
}

func (b Bundle) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range b.certs {
		pool.AddCert(c)
	}
	return pool
}

// advice says what a person does about a verification error.
func advice(err error) string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew what has expired, and compare the clocks of signer and node"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "have the signer issue it with the extended key usage server auth"
	case errors.As(err, new(x509.HostnameError)):
		return "request a certificate which has that DNS name"
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "add the CA that signed it to the bundle"
	}
	return "have the signer issue another one"
}
