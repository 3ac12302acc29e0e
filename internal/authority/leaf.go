// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"time"
)

// LeafRequest is what to sign for a request whose policy is not ours: see package podcert.
type LeafRequest struct {
	PublicKey crypto.PublicKey
	// DNSNames are the SANs. The subject stays empty.
	DNSNames []string
	// Backdating is how far NotBefore lies in the past, Lifetime from there to NotAfter, both to the second. It is cut at
	// the end of the CA, but not below Shortest.
	Backdating, Lifetime, Shortest time.Duration
}

// SignLeaf signs a server's certificate with the CA that signs at this time, and asks nothing of the API server. It may
// fail with [ErrNoCA] or [ErrCAExpired], which end when [Authority.Run] has a CA that can sign.
func (a *Authority) SignLeaf(request LeafRequest) (*x509.Certificate, error) {
	current := a.current.Load()
	if current == nil {
		return nil, ErrNoCA
	}
	now := a.options.Now()
	notBefore := now.Add(-request.Backdating).Truncate(time.Second)
	notAfter := earlier(notBefore.Add(current.grants(request.Lifetime)), current.cert.NotAfter)
	if !current.usable(now) || notAfter.Sub(notBefore) < request.Shortest {
		return nil, fmt.Errorf("%w: CN=%s is valid from %s until %s", ErrCAExpired, current.cert.Subject.CommonName,
			current.cert.NotBefore.Format(time.RFC3339), current.cert.NotAfter.Format(time.RFC3339))
	}
	template := &x509.Certificate{
		DNSNames: request.DNSNames, NotBefore: notBefore, NotAfter: notAfter,
		KeyUsage: leafKeyUsage(request.PublicKey, nil), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, current.cert, request.PublicKey, current.key)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate back: %w", err)
	}
	return leaf, nil
}
