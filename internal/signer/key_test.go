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
