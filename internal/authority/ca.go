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
	"slices"
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
		return conforms(p.cert)
	}
}

// longestCA is how long a CA in the Secret may live: as long as one that we make, with some room for what others take
// for ten years.
const longestCA = DefaultCADuration + 7*24*time.Hour

// conforms tells whether a CA is bounded as those of newCA are: it signs servers' certificates and no further CA, and
// it does not live longer. Any other would be worth more to who has its key.
func conforms(ca *x509.Certificate) error {
	const advice = "a CA of which that cannot be said is not used: find out who put it there"
	switch lifetime := ca.NotAfter.Sub(ca.NotBefore); {
	case !ca.BasicConstraintsValid || !ca.IsCA || ca.MaxPathLen != 0:
		return fmt.Errorf("its basic constraints do not say that it is a CA with path length 0: %s", advice)
	case ca.KeyUsage&x509.KeyUsageCertSign == 0 || ca.KeyUsage&^(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return fmt.Errorf("its key usages are not certificate and CRL signing alone: %s", advice)
	case !slices.Equal(ca.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || len(ca.UnknownExtKeyUsage) > 0:
		return fmt.Errorf("its extended key usage is not server authentication alone: %s", advice)
	case lifetime > longestCA:
		return fmt.Errorf("it is valid for %d days, and %d are the most: %s", int(lifetime.Hours()/24),
			int(longestCA.Hours()/24), advice)
	default:
		return nil
	}
}

// usable tells whether a certificate of some use can be signed at now. A CA of the future was made by a replica whose
// clock is ahead: no API server takes its certificates yet.
func (p *keyPair) usable(now time.Time) bool {
	return p.cert.NotAfter.After(now.Add(DefaultMinDuration)) && !now.Before(p.cert.NotBefore)
}
