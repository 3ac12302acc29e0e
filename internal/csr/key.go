// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
)

// KeyAlgorithm names a kind of private key as it is written on the command line, for instance "ecdsa-p256".
// The zero value means [ECDSAP256].
type KeyAlgorithm string

// The key algorithms a certificate can be requested for.
const (
	ECDSAP256 KeyAlgorithm = "ecdsa-p256"
	ECDSAP384 KeyAlgorithm = "ecdsa-p384"
	Ed25519   KeyAlgorithm = "ed25519"
	RSA2048   KeyAlgorithm = "rsa-2048"
	RSA3072   KeyAlgorithm = "rsa-3072"
	RSA4096   KeyAlgorithm = "rsa-4096"
)

// KeyAlgorithms lists every algorithm, the recommended one first.
func KeyAlgorithms() []KeyAlgorithm {
	return []KeyAlgorithm{ECDSAP256, ECDSAP384, Ed25519, RSA2048, RSA3072, RSA4096}
}

// ParseKeyAlgorithm reads an algorithm's name; "" is [ECDSAP256]. The error of an unknown name lists the known ones.
func ParseKeyAlgorithm(name string) (KeyAlgorithm, error) {
	if name == "" {
		return ECDSAP256, nil
	}
	if a := KeyAlgorithm(name); slices.Contains(KeyAlgorithms(), a) {
		return a, nil
	}
	names := make([]string, 0, len(KeyAlgorithms()))
	for _, a := range KeyAlgorithms() {
		names = append(names, string(a))
	}
	return "", fmt.Errorf("unknown key algorithm %q: use one of %s", name, strings.Join(names, ", "))
}

// Generate makes a fresh private key from the system's secure random source. It is safe for concurrent use.
func (a KeyAlgorithm) Generate() (crypto.Signer, error) {
	switch a {
	case ECDSAP256, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	default:
		_, err := ParseKeyAlgorithm(string(a))
		return nil, err
	}
}
