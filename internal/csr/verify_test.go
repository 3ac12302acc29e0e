// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/signer"
)

func TestVerifyRefusesWhatWasNotAskedFor(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	spec := testSpec(t, signer.BuiltIn)
	key := newKey(t)
	for _, tc := range []struct {
		name  string
		alter func(*x509.Certificate)
		key   crypto.Signer
		want  string
	}{
		{name: "as asked for", alter: func(*x509.Certificate) {}},
		{name: "another key", alter: func(*x509.Certificate) {}, key: newKey(t), want: "another public key"},
		{name: "no DNS names", alter: func(c *x509.Certificate) { c.DNSNames = nil }, want: "web.shop.svc"},
		{name: "an IP lacks", alter: func(c *x509.Certificate) { c.IPAddresses = c.IPAddresses[1:] }, want: "10.1.2.3"},
		{
			name:  "a client certificate",
			alter: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
			want:  "server auth",
		},
		{
			name:  "no digital signature",
			alter: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
			want:  "digital signature",
		},
		{name: "a CA", alter: func(c *x509.Certificate) { c.IsCA = true }, want: "CA certificate"},
		{name: "expired", alter: func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }, want: "it expires at"},
		{name: "about to expire", alter: func(c *x509.Certificate) { c.NotAfter = now.Add(59 * time.Second) }, want: "it expires at"},
		{name: "not valid yet", alter: func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, want: "check both clocks"},
		{name: "a second of skew", alter: func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			template := leafTemplate(spec, now)
			tc.alter(template)
			presented := crypto.Signer(key)
			if tc.key != nil {
				presented = tc.key
			}
			_, err := Verify(selfSigned(t, template, presented), key.Public(), spec, now)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v does not say %q", err, tc.want)
			}
		})
	}
}

func TestVerifyRefusesGarbage(t *testing.T) {
	spec, key := testSpec(t, signer.BuiltIn), newKey(t)
	for _, garbage := range []string{"", "garbage", "-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n"} {
		if _, err := Verify([]byte(garbage), key.Public(), spec, time.Now()); err == nil || !strings.Contains(err.Error(), signer.BuiltIn) {
			t.Errorf("Verify(%q): error %v, want one that names the signer", garbage, err)
		}
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func leafTemplate(spec Spec, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: spec.Identity.CommonName()},
		DNSNames:              spec.Identity.DNSNames,
		IPAddresses:           spec.Identity.NetIPs(),
		NotBefore:             now.Add(-5 * time.Minute),
		NotAfter:              now.Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
}

func selfSigned(t testing.TB, template *x509.Certificate, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
