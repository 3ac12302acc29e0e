// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/hookstrap/hookstrap/internal/pemtext"
)

const keyPEMType = "PRIVATE KEY"

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, errors.New("the CA's private key cannot be encoded as PKCS #8")
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyPEMType, Bytes: der}), nil
}

func parseNext(data map[string][]byte) (*keyPair, error) {
	if len(data[dataNextCert]) == 0 && len(data[dataNextKey]) == 0 {
		return nil, nil
	}
	return parseKeyPair(data, dataNextCert, dataNextKey)
}

func parseKeyPair(data map[string][]byte, certName, keyName string) (*keyPair, error) {
	cert, err := parseCACertificate(certName, data[certName])
	if err != nil {
		return nil, err
	}
	key, err := parseCAKey(keyName, data[keyName])
	if err != nil {
		return nil, err
	}
	pair := &keyPair{cert: cert, key: key}
	if err := pair.check(); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", certName, keyName, err)
	}
	return pair, nil
}

func parseCACertificate(name string, data []byte) (*x509.Certificate, error) {
	block, err := onlyBlock(data, certificatePEMType)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	cert, err := x509.ParseCertificate(block)
	if err != nil {
		return nil, fmt.Errorf("%s is not an X.509 certificate: %w", name, err)
	}
	return cert, nil
}

func parseCAKey(name string, data []byte) (crypto.Signer, error) {
	for blockType, parse := range keyParsers() {
		block, err := onlyBlock(data, blockType)
		if err != nil {
			continue
		}
		// The parser's error is not passed on: it may describe what it read.
		parsed, err := parse(block)
		key, ok := parsed.(crypto.Signer)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s is not a private key that can sign", name)
		}
		return key, nil
	}
	_, err := onlyBlock(data, keyPEMType)
	return nil, fmt.Errorf("%s %w", name, err)
}

// keyParsers are for the forms in which private keys are written: our own, and those in which openssl and others write
// the key of a CA that somebody brings along.
func keyParsers() map[string]func([]byte) (any, error) {
	return map[string]func([]byte) (any, error){
		keyPEMType:        x509.ParsePKCS8PrivateKey,
		"EC PRIVATE KEY":  func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
		"RSA PRIVATE KEY": func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	}
}

func onlyBlock(data []byte, blockType string) ([]byte, error) {
	block, rest := pem.Decode(pemtext.Clean(data))
	switch {
	case len(data) == 0:
		return nil, errors.New("is missing")
	case block == nil || block.Type != blockType:
		return nil, fmt.Errorf("is not a PEM block of type %s", blockType)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("has more than one PEM block")
	default:
		return block.Bytes, nil
	}
}
