// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
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

// backdating is how far NotBefore lies in the past: the clock of the client may be behind ours.
const backdating = 5 * time.Minute

const certificatePEMType = "CERTIFICATE"

// ErrCAExpired says that the CA's own certificate is not valid now, or ends too soon to sign anything of use.
var ErrCAExpired = errors.New("the CA is not valid, or not for long enough")

// grant is what a request is given.
type grant struct {
	request  *x509.CertificateRequest
	usages   []certificatesv1.KeyUsage
	lifetime time.Duration
}

// issue signs a request that has passed [Policy.Check], for the granted lifetime from now, but not beyond the CA's own
// end. The result is the leaf's PEM block, then the CA's. Names and key come from the request, all else from here
// (RFC 5280, section 4): a fresh serial number of some 160 random bits, and the usages of a TLS server.
func issue(ca *keyPair, granted grant, now time.Time) ([]byte, error) {
	if !ca.usable(now) {
		return nil, fmt.Errorf("%w: CN=%s is valid from %s until %s, and it is %s here: a new one is made by itself; if "+
			"this stays, compare the clocks", ErrCAExpired, ca.cert.Subject.CommonName,
			ca.cert.NotBefore.Format(time.RFC3339), ca.cert.NotAfter.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	request := granted.request
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: request.Subject.CommonName},
		DNSNames:              request.DNSNames,
		IPAddresses:           request.IPAddresses,
		NotBefore:             now.Add(-backdating),
		NotAfter:              earlier(now.Add(granted.lifetime), ca.cert.NotAfter),
		KeyUsage:              leafKeyUsage(request.PublicKey, granted.usages),
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, request.PublicKey, ca.key)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate: %w", err)
	}
	return append(encodeCertificate(der), encodeCertificate(ca.cert.Raw)...), nil
}

// leafKeyUsage leaves key encipherment out, asked for or not, unless the key is RSA: no other kind of key can encipher
// one (RFC 8422, section 5.5; TLS 1.3 does not use it at all).
func leafKeyUsage(key crypto.PublicKey, usages []certificatesv1.KeyUsage) x509.KeyUsage {
	usage := x509.KeyUsageDigitalSignature
	if _, ok := key.(*rsa.PublicKey); ok && slices.Contains(usages, certificatesv1.UsageKeyEncipherment) {
		usage |= x509.KeyUsageKeyEncipherment
	}
	return usage
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificatePEMType, Bytes: der})
}
