// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// noon is the now of all tests with certificates.
func noon() time.Time { return time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC) }

// testCA signs for tests. Its certificate is valid from a day before noon, for as long as it was asked to be.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t testing.TB, name string, expires time.Time) testCA {
	t.Helper()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             noon().Add(-24 * time.Hour),
		NotAfter:              expires,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	key := newKey(t)
	return testCA{sign(t, template, template, key, key), key}
}

// leaf issues a serving certificate for web.apps.svc; change edits the template.
func (ca testCA) leaf(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: serverName},
		DNSNames:    []string{serverName},
		NotBefore:   noon().Add(-time.Hour),
		NotAfter:    noon().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	return sign(t, template, ca.cert, newKey(t), ca.key)
}

// intermediate issues another CA.
func (ca testCA) intermediate(t testing.TB, name string) testCA {
	t.Helper()
	key := newKey(t)
	cert := sign(t, &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             noon().Add(-time.Hour),
		NotAfter:              noon().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}, ca.cert, key, ca.key)
	return testCA{cert, key}
}

const serverName = "web.apps.svc"

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
