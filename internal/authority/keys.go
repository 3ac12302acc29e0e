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
	"slices"

	"k8s.io/client-go/util/keyutil"

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
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s is not an X.509 certificate: %w", name, err)
	}
	return cert, nil
}

func parseCAKey(name string, data []byte) (crypto.Signer, error) {
	// Our own form, and those in which openssl and others write the key of a CA that somebody brings along.
	block, err := onlyBlock(data, keyPEMType, keyutil.ECPrivateKeyBlockType, keyutil.RSAPrivateKeyBlockType)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	parsed, err := keyutil.ParsePrivateKeyPEM(pem.EncodeToMemory(block))
	key, ok := parsed.(crypto.Signer)
	if err != nil || !ok { // The parser's error is not passed on: it may describe what it read.
		return nil, fmt.Errorf("%s is not a private key that can sign", name)
	}
	return key, nil
}

// onlyBlock is the one PEM block of the data, which has to be of one of the types. The first is the one to ask for.
func onlyBlock(data []byte, types ...string) (*pem.Block, error) {
	block, rest := pem.Decode(pemtext.Clean(data))
	switch {
	case len(data) == 0:
		return nil, errors.New("is missing")
	case block == nil || !slices.Contains(types, block.Type):
		return nil, fmt.Errorf("is not a PEM block of type %s", types[0])
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("has more than one PEM block")
	default:
		return block, nil
	}
}
