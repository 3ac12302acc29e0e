// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// RSA keys outside of this range, in bits, are useless for TLS: shorter ones
// are forbidden by NIST SP 800-57 and slowly by everybody, longer ones are
// refused in handshakes by crypto/tls, and so by the API server.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Usages are the key usages to ask for, in a fixed order. They suit every
// signer: serving (or being a client) and signing handshakes always, and encrypting a key exchange
// if the key is RSA, which no other type of key can do (RFC 5480, section 3,
// and RFC 8410, section 5). kubelet-serving accepts precisely these two sets.
func (p Profile) Usages(pub crypto.PublicKey) []certificatesv1.KeyUsage {
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature}
	if _, ok := pub.(*rsa.PublicKey); ok {
		usages = append(usages, certificatesv1.UsageKeyEncipherment)
	}
	return append(usages, p.keyUsage())
}

// CheckKey says why a certificate for this key would be of no use. The rules
// are those of crypto/tls, with which the API server calls; no signer is known
// for certain to be stricter.
func (p Profile) CheckKey(pub crypto.PublicKey) error {
	if fault := keyFault(pub); fault != "" {
		return fmt.Errorf("signer %s cannot be asked for a certificate: the key %s: "+
			"choose ECDSA P-256 or P-384, Ed25519, or RSA of %d to %d bits", p.name, fault, minRSABits, maxRSABits)
	}
	return nil
}

func keyFault(pub crypto.PublicKey) string {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		if key == nil || key.N == nil {
			return "is missing"
		}
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Sprintf("is RSA of %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if key == nil || key.Curve == nil {
			return "is missing"
		}
		if bits := key.Params().BitSize; bits != 256 && bits != 384 && bits != 521 {
			return fmt.Sprintf("is ECDSA on the curve %s, which TLS does not know", key.Params().Name)
		}
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return "is missing"
		}
	case nil:
		return "is missing"
	default:
		return fmt.Sprintf("is of the unknown type %T", pub)
	}
	return ""
}
