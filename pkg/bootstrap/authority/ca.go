// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"
)

// keyPair is a CA's certificate and its private key.
type keyPair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// newCA makes a self-signed CA that is valid for lifetime from now. It can sign servers' certificates only, and no
// further CA: path length 0, and an extended key usage that binds what is below it.
func newCA(commonName string, lifetime time.Duration, now time.Time) (*keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating the CA's key: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(-backdating),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing the CA's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the CA's certificate back: %w", err)
	}
	return &keyPair{cert: cert, key: key}, nil
}

// caName names a CA after its Service and the time of its making: two CAs of one Service with the same name would be
// taken for one another by software that finds issuers by name.
func caName(service, namespace string, now time.Time) string {
	suffix := fmt.Sprintf("@%d", now.Unix())
	name := service + "." + namespace
	return name[:min(len(name), maxCommonName-len(suffix))] + suffix
}

// check tells whether the pair can sign: a pair that cannot would be noticed on the day of the next renewal only.
func (p *keyPair) check() error {
	public, ok := p.cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !public.Equal(p.key.Public()):
		return errors.New("the key does not belong to the certificate")
	case !p.cert.BasicConstraintsValid || !p.cert.IsCA:
		return errors.New("the certificate is not a CA's")
	case p.cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("the certificate lacks the key usage certificate signing")
	default:
		return nil
	}
}

// usable tells whether a certificate of some use can be signed at now. A CA of the future was made by a replica whose
// clock is ahead: no API server takes its certificates yet.
func (p *keyPair) usable(now time.Time) bool {
	return p.cert.NotAfter.After(now.Add(DefaultMinDuration)) && !now.Before(p.cert.NotBefore)
}
