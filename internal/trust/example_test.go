// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// A CA is rotated: the new one joins the bundle ahead of its first use, and the old one leaves when it has expired.
func Example() {
	old, next := authority("old", 2027), authority("new", 2037)

	bundle := trust.NewBundle(old).Union(trust.NewBundle(next))
	fmt.Println(bundle.Len(), "certificates, the last until", bundle.NotAfter().Year())

	bundle = bundle.Prune(time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(bundle.Contains(old), bundle.Contains(next))
	// Output:
	// 2 certificates, the last until 2037
	// false true
}

func ExampleParseBundle() {
	good := trust.NewBundle(authority("our-ca", 2037)).PEM()
	bundle, err := trust.ParseBundle(append([]byte("-----BEGIN CERTIFICATE-----\ncut short\n"), good...))
	fmt.Println(bundle.Len())
	fmt.Println(err)
	// Output:
	// 1
	// 1 of the 2 PEM blocks of the CA bundle are cut short or malformed: copy the bundle again
}

func ExampleParseTarget() {
	for _, flag := range []string{"hookstrap", "crd/widgets.example.com", "secret/x"} {
		target, err := trust.ParseTarget(flag)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(target)
	}
	// Output:
	// validating/hookstrap
	// crd/widgets.example.com
	// webhook configuration "secret/x": unknown kind "secret": use validating, mutating, crd or apiservice
}

func authority(name string, expires int) *x509.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotAfter:     time.Date(expires, time.January, 1, 0, 0, 0, 0, time.UTC),
		IsCA:         true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	return cert
}
