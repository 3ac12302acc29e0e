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
	"maps"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/trust"
)

// The keys of the Secret's data.
const (
	// dataVersion says how to read the others. A reader refuses a version it does not know, so that an old replica
	// cannot misread, or write back without what it does not know, the state of a newer one.
	dataVersion = "version"
	// dataCert and dataKey are the CA that signs.
	dataCert = "ca.crt"
	dataKey  = "ca.key"
	// dataBundle are all CAs to be trusted: the one above, and others whose certificates are still in use.
	dataBundle = "bundle.crt"

	stateVersion = "1"
	keyPEMType   = "PRIVATE KEY"
)

// state is what the Secret holds. It is never changed once made.
type state struct {
	keyPair

	bundle trust.Bundle
	// data is the Secret's data as it was read, so that it can be put back with all that others keep there.
	data map[string][]byte
}

// newState is the state with ca as the only CA.
func newState(ca *keyPair) (*state, error) {
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, errors.New("the CA's private key cannot be encoded as PKCS #8")
	}
	bundle := trust.NewBundle(ca.cert)
	return &state{keyPair: *ca, bundle: bundle, data: map[string][]byte{
		dataVersion: []byte(stateVersion),
		dataCert:    encodeCertificate(ca.cert.Raw),
		dataKey:     pem.EncodeToMemory(&pem.Block{Type: keyPEMType, Bytes: der}),
		dataBundle:  bundle.PEM(),
	}}, nil
}

// emptyState tells whether a Secret has none of our keys set: somebody has created it for us to fill.
func emptyState(data map[string][]byte) bool {
	for _, key := range []string{dataVersion, dataCert, dataKey, dataBundle} {
		if len(data[key]) > 0 {
			return false
		}
	}
	return true
}

// parseState reads a Secret's data. Its errors never quote the data: part of it is a private key.
func parseState(data map[string][]byte) (*state, error) {
	if version := data[dataVersion]; string(version) != stateVersion {
		return nil, fmt.Errorf("version is %s, and this program reads version %s: run the release that wrote it, or "+
			"a newer one", quote(string(version)), stateVersion)
	}
	cert, err := parseCACertificate(data[dataCert])
	if err != nil {
		return nil, err
	}
	key, err := parseCAKey(data[dataKey])
	if err != nil {
		return nil, err
	}
	pair := keyPair{cert: cert, key: key}
	if err := pair.check(); err != nil {
		return nil, err
	}
	bundle, err := trust.ParseBundle(data[dataBundle])
	if err != nil {
		return nil, fmt.Errorf("bundle.crt is not a PEM bundle of certificates: %w", err)
	}
	return &state{keyPair: pair, bundle: bundle.Union(trust.NewBundle(cert)), data: maps.Clone(data)}, nil
}

func parseCACertificate(data []byte) (*x509.Certificate, error) {
	block, err := onlyBlock(data, certificatePEMType)
	if err != nil {
		return nil, fmt.Errorf("ca.crt %w", err)
	}
	cert, err := x509.ParseCertificate(block)
	if err != nil {
		return nil, fmt.Errorf("ca.crt is not an X.509 certificate: %w", err)
	}
	return cert, nil
}

func parseCAKey(data []byte) (crypto.Signer, error) {
	block, err := onlyBlock(data, keyPEMType)
	if err != nil {
		return nil, fmt.Errorf("ca.key %w", err)
	}
	// The parser's error is not passed on: it may describe what it read.
	parsed, err := x509.ParsePKCS8PrivateKey(block)
	key, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("ca.key is not a PKCS #8 private key that can sign")
	}
	return key, nil
}

func onlyBlock(data []byte, blockType string) ([]byte, error) {
	block, rest := pem.Decode(data)
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

// equal tells whether two states were read from the same data.
func (s *state) equal(other *state) bool {
	return s != nil && maps.EqualFunc(s.data, other.data, bytes.Equal)
}
