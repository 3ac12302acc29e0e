// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"
)

// TestSignLeaf: the times are those that were asked for, to the second, and the certificate is a server's for that key.
func TestSignLeaf(t *testing.T) {
	t.Parallel()
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t).Public()
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := start().Add(DefaultCADuration)
	for name, tc := range map[string]struct {
		key        crypto.PublicKey
		now        time.Time
		backdating time.Duration
		lifetime   time.Duration
		want       time.Duration // 0: none is signed
	}{
		"the shortest":           {p256, start(), time.Minute, time.Hour, time.Hour},
		"a second more":          {p256, start(), time.Minute, time.Hour + time.Second, time.Hour + time.Second},
		"a part of a second":     {p256, start().Add(999 * time.Millisecond), time.Minute, 24 * time.Hour, 24 * time.Hour},
		"as backdated as can be": {p256, start(), 5 * time.Minute, 24 * time.Hour, 24 * time.Hour},
		"P-384":                  {must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t).Public(), start(), 0, time.Hour, time.Hour},
		"P-521":                  {must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t).Public(), start(), 0, time.Hour, time.Hour},
		"Ed25519":                {ed, start(), 0, time.Hour, time.Hour},
		"RSA":                    {must(rsa.GenerateKey(rand.Reader, 3072))(t).Public(), start(), 0, time.Hour, time.Hour},
		"longer than the CA's record says": {p256, start(), time.Minute, DefaultMaxDuration + time.Second,
			DefaultMaxDuration},
		"cut at the end of the CA":     {p256, end.Add(-2 * time.Hour), time.Minute, 24 * time.Hour, 2*time.Hour + time.Minute},
		"the shortest before the end":  {p256, end.Add(-time.Hour), 0, 24 * time.Hour, time.Hour},
		"a second too near to the end": {p256, end.Add(time.Second - time.Hour), 0, 24 * time.Hour, 0},
		"after the end":                {p256, end, 0, 24 * time.Hour, 0},
		"before the CA":                {p256, start().Add(-time.Hour), 0, 24 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := testAuthority(t)
			a.options.Now = func() time.Time { return tc.now }
			current := testState(t)
			a.current.Store(current)
			leaf, err := a.SignLeaf(LeafRequest{PublicKey: tc.key, DNSNames: []string{"web.shop.svc"},
				Backdating: tc.backdating, Lifetime: tc.lifetime, Shortest: time.Hour})
			if tc.want == 0 {
				if !errors.Is(err, ErrCAExpired) {
					t.Errorf("got %v, want ErrCAExpired", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := tc.now.Add(-tc.backdating).Truncate(time.Second); !leaf.NotBefore.Equal(want) {
				t.Errorf("valid from %s, want %s", leaf.NotBefore, want)
			}
			if got := leaf.NotAfter.Sub(leaf.NotBefore); got != tc.want {
				t.Errorf("valid for %s, want %s", got, tc.want)
			}
			servesOnly(t, leaf, current.cert, tc.key)
		})
	}
}

// servesOnly wants a server's certificate that says nothing else.
func servesOnly(t *testing.T, leaf, ca *x509.Certificate, key crypto.PublicKey) {
	t.Helper()
	if public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key) {
		t.Error("the certificate is for another key")
	}
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		t.Error(err)
	}
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || leaf.Subject.String() != "" ||
		!slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("CA %t, key usage %b, subject %q, extended key usages %v; want a server's alone", leaf.IsCA, leaf.KeyUsage,
			leaf.Subject, leaf.ExtKeyUsage)
	}
	if !slices.Equal(leaf.DNSNames, []string{"web.shop.svc"}) || len(leaf.IPAddresses) > 0 {
		t.Errorf("the certificate is for %v and %v", leaf.DNSNames, leaf.IPAddresses)
	}
}

func TestSignLeafWithoutCA(t *testing.T) {
	t.Parallel()
	if _, err := testAuthority(t).SignLeaf(LeafRequest{}); !errors.Is(err, ErrNoCA) {
		t.Errorf("got %v, want ErrNoCA", err)
	}
}
