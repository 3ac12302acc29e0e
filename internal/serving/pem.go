// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/hookstrap/hookstrap/internal/pemtext"
)

const certificateType = "CERTIFICATE"

// ParsePair returns the pair of a PEM certificate chain, leaf first, a PEM private key (PKCS#8, PKCS#1 or SEC 1) and
// the PEM CA certificates that came along, which may be empty. A credential bundle, which holds key and chain in one
// file, is passed as both certPEM and keyPEM.
//
// It is stricter than [tls.X509KeyPair]: each block has to be whole and each certificate has to parse, so that a file
// caught in the middle of being written is an error and not a shorter chain.
func ParsePair(certPEM, keyPEM, caPEM []byte) (*Pair, error) {
	certPEM, keyPEM, caPEM = pemtext.Clean(certPEM), pemtext.Clean(keyPEM), pemtext.Clean(caPEM)
	chain, skipped, err := parseCertificates("certificate chain", certPEM)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	var cas []*x509.Certificate
	var more []string
	// cert-manager writes an empty ca.crt when the issuer does not tell its CA.
	if len(bytes.TrimSpace(caPEM)) > 0 {
		if cas, more, err = parseCertificates("CA certificates", caPEM); err != nil {
			return nil, err
		}
	}
	pair, err := NewPair(chain, key, cas)
	if err == nil {
		pair.skipped = append(skipped, more...)
	}
	return pair, err
}

// parseCertificates returns all certificates of the PEM data, and names the other blocks that are no key, such as that
// of a bundle: a certificate perhaps that is expected to be used, in a form of its own.
func parseCertificates(what string, data []byte) (certificates []*x509.Certificate, skipped []string, err error) {
	if err := whole(data); err != nil {
		return nil, nil, fmt.Errorf("reading the %s: %w", what, err)
	}
	number := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		number++
		if block.Type != certificateType {
			if !strings.HasSuffix(block.Type, "PRIVATE KEY") && block.Type != "EC PARAMETERS" {
				skipped = append(skipped, fmt.Sprintf("PEM block %d of the %s is a %.40q", number, what, block.Type))
			}
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate %d of the %s cannot be parsed, write the file again: %w",
				len(certificates)+1, what, err)
		}
		certificates = append(certificates, c)
	}
	if len(certificates) == 0 {
		return nil, nil, fmt.Errorf("there is no %s block in the %s (%d bytes)", certificateType, what, len(data))
	}
	return certificates, skipped, nil
}

// parseKey returns the private key. It leaves the choice of block and encoding to [tls.X509KeyPair], which knows them
// all and names switched files.
func parseKey(certPEM, keyPEM []byte) (crypto.Signer, error) {
	if err := whole(keyPEM); err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	certificate, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the private key and the certificate do not make a pair, replace both together: %w", err)
	}
	key, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key cannot sign: use an RSA, ECDSA or Ed25519 key")
	}
	return key, nil
}

// whole is an error when a PEM block was begun and cannot be decoded: [pem.Decode] silently skips such blocks.
func whole(data []byte) error {
	begun, decoded := bytes.Count(data, []byte("-----BEGIN ")), 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		decoded++
	}
	if begun != decoded {
		return fmt.Errorf("%d PEM blocks begin but %d can be decoded: the file is damaged or still being written",
			begun, decoded)
	}
	return nil
}

// CertPEM returns the chain, leaf first, in PEM.
func (p *Pair) CertPEM() []byte { return encodeCertificates(p.chain) }

// CAPEM returns the CA certificates in PEM, nil when there are none.
func (p *Pair) CAPEM() []byte { return encodeCertificates(p.cas) }

// KeyPEM returns the private key as PKCS#8 in PEM (RFC 5208, RFC 7468). It is an error when the key cannot leave the
// place where it lives, such as a hardware module.
func (p *Pair) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return nil, fmt.Errorf("the private key of %s cannot be exported, keep the pair in memory: %w",
			describe(p.chain[0]), err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func encodeCertificates(certificates []*x509.Certificate) []byte {
	var out []byte
	for _, c := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: c.Raw})...)
	}
	return out
}
