// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"testing"

	"github.com/hookstrap/hookstrap/internal/csr"
)

func TestKeyAlgorithmsGenerateWhatTheySay(t *testing.T) {
	for _, algorithm := range csr.KeyAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			key, err := algorithm.Generate()
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(key.Public()); got != string(algorithm) {
				t.Errorf("got a %s key, want %s", got, algorithm)
			}
		})
	}
}

func describe(public any) string {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return map[string]string{"P-256": "ecdsa-p256", "P-384": "ecdsa-p384"}[public.Curve.Params().Name]
	case ed25519.PublicKey:
		return "ed25519"
	case *rsa.PublicKey:
		return map[int]string{2048: "rsa-2048", 3072: "rsa-3072", 4096: "rsa-4096"}[public.N.BitLen()]
	default:
		return "unknown"
	}
}

func TestParseKeyAlgorithm(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       csr.KeyAlgorithm
		wantErr    bool
	}{
		{name: "default", text: "", want: csr.ECDSAP256},
		{name: "known", text: "rsa-3072", want: csr.RSA3072},
		{name: "weak", text: "rsa-1024", wantErr: true},
		{name: "case matters", text: "ECDSA-P256", wantErr: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := csr.ParseKeyAlgorithm(tc.text)
			if got != tc.want || (err != nil) != tc.wantErr {
				t.Errorf("ParseKeyAlgorithm(%q) = %q, %v; want %q, error %t", tc.text, got, err, tc.want, tc.wantErr)
			}
		})
	}
}

func TestUnknownAlgorithmGeneratesNothing(t *testing.T) {
	if key, err := csr.KeyAlgorithm("dsa").Generate(); err == nil {
		t.Errorf("generated %T, want an error", key)
	}
}
