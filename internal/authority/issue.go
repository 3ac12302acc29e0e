// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
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
	notAfter := now.Add(granted.lifetime)
	if notAfter.After(ca.cert.NotAfter) {
		notAfter = ca.cert.NotAfter
	}
	request := granted.request
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: request.Subject.CommonName},
		DNSNames:              request.DNSNames,
		IPAddresses:           request.IPAddresses,
		NotBefore:             now.Add(-backdating),
		NotAfter:              notAfter,
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
