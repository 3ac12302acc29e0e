// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pairs makes key pairs for tests.
package pairs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/serving"
)

// SelfSigned is a pair that is its own CA, and has it along. It is valid for an hour.
func SelfSigned(t testing.TB, name string) *serving.Pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	return Sign(t, template, nil)
}

// Lasting is a pair of that time and those names, without a CA.
func Lasting(t testing.TB, from, to time.Time, names []string) *serving.Pair {
	t.Helper()
	pair := Sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, DNSNames: names}, nil)
	return WithCAs(t, pair)
}

// Sign makes a pair of the template, signed by ca, which comes along; nil signs it with its own key.
func Sign(t testing.TB, template *x509.Certificate, ca *serving.Pair) *serving.Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	parent, signer := template, crypto.Signer(key)
	if ca != nil {
		parent, signer = ca.Leaf(), keyOf(ca)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	if ca != nil {
		parent = ca.Leaf()
	} else {
		parent = leaf
	}
	pair, err := serving.NewPair([]*x509.Certificate{leaf}, key, []*x509.Certificate{parent})
	check(t, err)
	return pair
}

// WithCAs is the pair with those CAs along, and no others.
func WithCAs(t testing.TB, pair *serving.Pair, cas ...*x509.Certificate) *serving.Pair {
	t.Helper()
	with, err := serving.NewPair(pair.Chain(), keyOf(pair), cas)
	check(t, err)
	return with
}

func keyOf(pair *serving.Pair) crypto.Signer {
	key, _ := pair.Certificate().PrivateKey.(crypto.Signer)
	return key
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
