// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// authority is a CA, or a certificate that it has signed.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	by   *authority // nil for a root
}

// signed makes a certificate, of which a template says what is not as usual. Nil signs itself.
func (a *authority) signed(t testing.TB, changes ...func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-90 * day), NotAfter: time.Now().Add(275 * day),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	for _, change := range changes {
		change(template)
	}
	of := &authority{template, key, nil}
	if a != nil {
		of = a
	}
	der, err := x509.CreateCertificate(rand.Reader, template, of.cert, key.Public(), of.key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{cert, key, a}
}

const day = 24 * time.Hour

// isCA is a change of a certificate.
func isCA(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	c.Subject = pkix.Name{CommonName: "CA"}
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.DNSNames = names
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
}

func valid(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

func usable(usages ...x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
}

// pem is the certificate alone.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// pair is the certificate with its key, and with the intermediates if they are wanted.
func (a *authority) pair(withChain bool) tls.Certificate {
	pair := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for by := a.by; withChain && by != nil && by.by != nil; by = by.by {
		pair.Certificate = append(pair.Certificate, by.cert.Raw)
	}
	return pair
}
