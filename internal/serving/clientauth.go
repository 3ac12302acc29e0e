// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/hookstrap/hookstrap/internal/pemtext"
)

// ClientAuth says which clients get in: those with a certificate that one of the client CAs verifies for client
// authentication and, where names are given, that carries one of them. It does not change and may be shared between
// goroutines.
type ClientAuth struct {
	cas   []*x509.Certificate
	roots *x509.CertPool
	names []string
	// skipped are the PEM blocks that were no certificates.
	skipped []string
}

// ParseClientAuth returns what admits clients of the PEM CA certificates. With allowed names, the common name or a DNS
// SAN of the client's certificate has to be one of them, letter by letter; without, every name will do.
//
// It is an error when there is no certificate, or when a block is damaged or half written.
func ParseClientAuth(caPEM []byte, allowedNames []string) (*ClientAuth, error) {
	cas, skipped, err := parseCertificates("client CAs", pemtext.Clean(caPEM))
	if err != nil {
		return nil, err
	}
	a := &ClientAuth{cas: asSet(cas), roots: x509.NewCertPool(), names: slices.Clone(allowedNames), skipped: skipped}
	for _, ca := range a.cas {
		a.roots.AddCert(ca)
	}
	return a, nil
}

// ReadClientAuth is [ParseClientAuth] for a file. Its errors name the file.
func ReadClientAuth(path string, allowedNames []string) (*ClientAuth, error) {
	dir, name := filepath.Split(path)
	data, err := readFile(dir, name)
	if err != nil {
		return nil, err
	}
	a, err := ParseClientAuth(data, allowedNames)
	if err != nil {
		return nil, fmt.Errorf("client CA file %s, write the PEM certificates of the clients' CAs there: %w", path, err)
	}
	return a, nil
}

// CAs returns the client CAs, sorted and without doubles.
func (a *ClientAuth) CAs() []*x509.Certificate { return slices.Clone(a.cas) }

// Equal says whether both admit the same clients. Nil is equal to nil only.
func (a *ClientAuth) Equal(b *ClientAuth) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.EqualFunc(a.cas, b.cas, (*x509.Certificate).Equal) && slices.Equal(a.names, b.names)
}

// verify decides about what a client presented, leaf first. It is what crypto/tls does by itself, done here because
// crypto/tls does not report whose certificate it refused.
func (a *ClientAuth) verify(presented []*x509.Certificate, now time.Time) error {
	if len(presented) == 0 {
		return errors.New("the client presented no certificate")
	}
	options := x509.VerifyOptions{
		Roots:         a.roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range presented[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := presented[0].Verify(options); err != nil {
		return fmt.Errorf("%s: %w", advice(err), err)
	}
	return a.allows(presented[0])
}

// allows is an error when the certificate carries none of the allowed names.
func (a *ClientAuth) allows(leaf *x509.Certificate) error {
	allowed := func(name string) bool { return slices.Contains(a.names, name) }
	if len(a.names) == 0 || allowed(leaf.Subject.CommonName) || slices.ContainsFunc(leaf.DNSNames, allowed) {
		return nil
	}
	return fmt.Errorf("neither its common name nor a DNS name of it is allowed: allowed is %q, letter by letter", a.names)
}

// advice says what to do about a certificate that does not verify.
func advice(err error) string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "no client CA verifies it, add its issuer's certificate to the client CA file"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it is not valid now, give the client a new one and look at both clocks"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "it is not for clients, issue it with the extended key usage clientAuth"
	default:
		return "it does not verify"
	}
}
