// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
)

// MaxRequestBytes bounds spec.request, the PEM text of a request. It is several times what the longest list of names
// with the largest key takes.
const MaxRequestBytes = 32 << 10

const (
	requestPEMType = "CERTIFICATE REQUEST"

	minRSABits = 2048
	maxRSABits = 8192
)

// parseRequest reads the one certification request (PKCS #10, RFC 2986) that spec.request must hold. Anything around
// it is refused: two readers that look at different parts of a request might see two different requests.
func parseRequest(data []byte) (*x509.CertificateRequest, error) {
	if len(data) > MaxRequestBytes {
		return nil, violation(ReasonRequestMalformed, "The request has %d bytes, and %d are the most: ask for fewer "+
			"names.", len(data), MaxRequestBytes)
	}
	data = bytes.TrimSpace(data)
	block, rest := pem.Decode(data)
	if block == nil || !bytes.HasPrefix(data, []byte("-----BEGIN "+requestPEMType+"-----")) ||
		block.Type != requestPEMType || len(block.Headers) > 0 {
		return nil, violation(ReasonRequestMalformed, "The request is not a PEM block of type %s and nothing before "+
			"it: send a PKCS #10 request.", requestPEMType)
	}
	// The decoder skips a broken block in silence, and takes the next.
	if len(bytes.TrimSpace(rest)) > 0 || bytes.Count(data, []byte("-----BEGIN ")) > 1 {
		return nil, violation(ReasonRequestMalformed, "The request is more than one PEM block: send exactly one.")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, violation(ReasonRequestMalformed, "The request is not a valid PKCS #10 request (%s): make a new "+
			"one.", quote(err.Error()))
	}
	return request, nil
}

// checkKey runs before the signature is verified: verifying with an enormous key is itself an attack.
func checkKey(request *x509.CertificateRequest) error {
	switch key := request.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return violation(ReasonKeyNotAllowed, "The RSA key has %d bits: use %d to %d, or ECDSA P-256.",
				bits, minRSABits, maxRSABits)
		}
		return nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return violation(ReasonKeyNotAllowed, "The ECDSA key is on curve %s: use P-256, P-384 or P-521.",
			key.Curve.Params().Name)
	case ed25519.PublicKey:
		return nil
	default:
		return violation(ReasonKeyNotAllowed, "The key is neither RSA, ECDSA nor Ed25519: use ECDSA P-256.")
	}
}

// checkSignature makes sure that the requester has the private key: otherwise it could get its names certified for
// the key of somebody else.
func checkSignature(request *x509.CertificateRequest) error {
	if err := request.CheckSignature(); err != nil {
		return violation(ReasonSignatureInvalid, "The request is not signed with its own key (%s): make a new one.",
			quote(err.Error()))
	}
	return nil
}
