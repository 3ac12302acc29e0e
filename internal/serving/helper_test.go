// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// host is the name all serving certificates of these tests are for.
const host = "hook.default.svc"

// issuer is a CA which can issue leaves and further CAs.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// newRoot returns a self-signed CA.
func newRoot(t testing.TB, name string) issuer {
	t.Helper()
	key := newKey(t)
	template := caTemplate(t, name)
	return issuer{sign(t, template, template, key.Public(), key), key}
}

// intermediate returns a CA below i.
func (i issuer) intermediate(t testing.TB, name string) issuer {
	t.Helper()
	key := newKey(t)
	return issuer{sign(t, caTemplate(t, name), i.cert, key.Public(), i.key), key}
}

// leaf returns a serving certificate for host and the public key.
func (i issuer) leaf(t testing.TB, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t),
		DNSNames:     []string{host},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	return sign(t, template, i.cert, public, i.key)
}

// newPair returns a pair whose chain needs an intermediate of its own, so that nothing of it verifies with parts of
// another pair.
func newPair(t testing.TB, root issuer) *Pair {
	t.Helper()
	key := newKey(t)
	above := root.intermediate(t, "intermediate")
	pair, err := NewPair([]*x509.Certificate{above.leaf(t, key.Public()), above.cert}, key,
		[]*x509.Certificate{root.cert})
	if err != nil {
		t.Fatalf("making a pair: %v", err)
	}
	return pair
}

// keyPEM returns the key of a pair in PEM.
func keyPEM(t testing.TB, p *Pair) []byte {
	t.Helper()
	data, err := p.KeyPEM()
	if err != nil {
		t.Fatalf("encoding the key: %v", err)
	}
	return data
}

// certificatePEM returns one certificate in PEM.
func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("generating a key: %v", err)
	}
	return key
}

func caTemplate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	return &x509.Certificate{
		SerialNumber:          serial(t),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("choosing a serial number: %v", err)
	}
	return n
}

func sign(t testing.TB, c, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		t.Fatalf("signing a certificate: %v", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("parsing a certificate just signed: %v", err)
	}
	return parsed
}
