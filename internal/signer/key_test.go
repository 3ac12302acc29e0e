// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// rsaKey has the size of a key, which is all that counts here, and costs no
// search for primes.
func rsaKey(bits uint) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
}

func ecdsaKey(t *testing.T, curve elliptic.Curve) *ecdsa.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

func ed25519Key(t *testing.T) ed25519.PublicKey {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func allSigners(t *testing.T) []signer.Profile {
	t.Helper()
	var profiles []signer.Profile
	for _, name := range []string{signer.BuiltIn, signer.KubeletServing, signer.EKSAppServing, "example.com/serving"} {
		profile, err := signer.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		profiles = append(profiles, profile)
	}
	return profiles
}

func TestUsages(t *testing.T) {
	plain := []certificatesv1.KeyUsage{"digital signature", "server auth"}
	withRSA := []certificatesv1.KeyUsage{"digital signature", "key encipherment", "server auth"}
	tests := []struct {
		name string
		pub  crypto.PublicKey
		want []certificatesv1.KeyUsage
	}{
		{"RSA", rsaKey(2048), withRSA},
		{"ECDSA", ecdsaKey(t, elliptic.P256()), plain},
		{"Ed25519", ed25519Key(t), plain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, profile := range allSigners(t) {
				if diff := cmp.Diff(tt.want, profile.Usages(tt.pub)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", profile.Name(), diff)
				}
			}
		})
	}
}

func TestCheckKey(t *testing.T) {
	tests := []struct {
		name string
		pub  crypto.PublicKey
		want string // empty: accepted
	}{
		{"P-256", ecdsaKey(t, elliptic.P256()), ""},
		{"P-384", ecdsaKey(t, elliptic.P384()), ""},
		{"P-521", ecdsaKey(t, elliptic.P521()), ""},
		{"P-224", ecdsaKey(t, elliptic.P224()), "P-224"},
		{"Ed25519", ed25519Key(t), ""},
		{"RSA 2047", rsaKey(2047), "RSA of 2047 bits"},
		{"RSA 2048", rsaKey(2048), ""},
		{"RSA 8192", rsaKey(8192), ""},
		{"RSA 8193", rsaKey(8193), "RSA of 8193 bits"},
		{"nothing", nil, "missing"},
		{"nil RSA", (*rsa.PublicKey)(nil), "missing"},
		{"empty RSA", &rsa.PublicKey{}, "missing"},
		{"nil ECDSA", (*ecdsa.PublicKey)(nil), "missing"},
		{"empty ECDSA", &ecdsa.PublicKey{}, "missing"},
		{"empty Ed25519", ed25519.PublicKey{}, "missing"},
		{"something else", "a string", "unknown type string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, profile := range allSigners(t) {
				err := profile.CheckKey(tt.pub)
				if (err == nil) != (tt.want == "") {
					t.Fatalf("%s: CheckKey() = %v, want %q", profile.Name(), err, tt.want)
				}
				if err == nil {
					continue
				}
				if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), profile.Name()) {
					t.Errorf("the error does not say %q and %s: %v", tt.want, profile.Name(), err)
				}
			}
		})
	}
}
