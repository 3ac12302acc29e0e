// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Verify checks a serving certificate as the API server would with this bundle for its caBundle: chain[0] is the
// leaf, the rest are intermediates, serverName is the name the API server asks for (<service>.<namespace>.svc), and
// now is the time of the handshake. The error names both leaf and bundle, and what to do. See RFC 5280, section 6.
//
// The empty bundle verifies nothing. (The API server falls back to its host's roots then, which is never what the
// owner of a webhook meant.)
func (b Bundle) Verify(chain []*x509.Certificate, serverName string, now time.Time) error {
	return verifyWith(b, poolOf(b), chain, serverName, now)
}

// VerifyLive is [Bundle.Verify] with a caBundle as it is, in the order of its bytes: crypto/x509 tries CAs of one
// subject in the order in which the pool has them, and gives up after 100 signatures.
func VerifyLive(caBundle []byte, chain []*x509.Certificate, serverName string, now time.Time) error {
	bundle, _ := ParseBundle(caBundle)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(caBundle)
	return verifyWith(bundle, pool, chain, serverName, now)
}

// verifyWith verifies with a pool of the bundle's certificates.
func verifyWith(b Bundle, pool *x509.CertPool, chain []*x509.Certificate, serverName string, now time.Time) error {
	if len(chain) == 0 || chain[0] == nil {
		return fmt.Errorf("no certificate chain to verify for %s: obtain a serving certificate first", serverName)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName:       serverName,
		Roots:         pool,
		Intermediates: poolOf(NewBundle(chain[1:]...)),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return fmt.Errorf("serving certificate (%s) is not trusted for %s by the CA bundle (%s): %w: %s",
			DescribeCertificate(chain[0]), serverName, b.Describe(), err, advice(b, chain, err))
	}
	return nil
}

func poolOf(b Bundle) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, m := range b.members {
		pool.AddCert(m.cert)
	}
	return pool
}

// advice says what a person does about a verification error of a chain.
func advice(b Bundle, chain []*x509.Certificate, err error) string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew what has expired, and compare the clocks of signer and node"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "have the signer issue it with the extended key usage server auth"
	case errors.As(err, new(x509.HostnameError)):
		return "request a certificate which has that DNS name"
	case errors.As(err, new(x509.UnknownAuthorityError)):
		if ca, signed := misnamed(b, chain); ca != nil {
			return fmt.Sprintf("the CA %s has the key that signed it, but its name (%s) is not, byte for byte, the issuer's "+
				"(%s): give it the name of before in the same encoding, with: openssl x509 -in OLD.crt -signkey CA.key "+
				"-days 3650 -out CA.crt", DescribeCertificate(ca), ca.Subject, signed.Issuer)
		}
		return "add the CA that signed it to the bundle"
	}
	return "have the signer issue another one"
}

// misnamed finds a CA of the bundle with the key that signed a certificate of the chain, but not under the issuer's
// name: names are compared byte for byte, while OpenSSL compares their text, and may write it in another encoding when
// it renews a CA. It returns nil if there is none.
func misnamed(b Bundle, chain []*x509.Certificate) (ca, signed *x509.Certificate) {
	for _, signed := range chain {
		for _, m := range b.members[:min(len(b.members), mostTried)] {
			if ca := m.cert; !bytes.Equal(ca.RawSubject, signed.RawIssuer) &&
				ca.CheckSignature(signed.SignatureAlgorithm, signed.RawTBSCertificate, signed.Signature) == nil {
				return ca, signed
			}
		}
	}
	return nil, nil
}

// mostTried bounds how many signatures are checked for the sake of advice.
const mostTried = 20

// UnverifiedError says that every place where the CA of a signer could be was read, and none has a CA that verifies the
// certificate.
type UnverifiedError struct {
	Signer string
	Tried  []string
}

// Error lists what was tried.
func (e *UnverifiedError) Error() string {
	return fmt.Sprintf("no CA verifies the certificate of signer %q, so nothing was written; tried: %s; name the right "+
		"one with --ca-file", e.Signer, strings.Join(e.Tried, "; "))
}
