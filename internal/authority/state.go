// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// The keys of the Secret's data.
const (
	// dataVersion says how to read the others. A reader refuses a version it does not know, so that an old replica
	// cannot misread, or write back without what it does not know, the state of a newer one.
	dataVersion = "version"
	// dataCert and dataKey are the CA that signs.
	dataCert = "ca.crt"
	dataKey  = "ca.key"
	// dataNextCert and dataNextKey are its successor, which is published before it signs. There is none most of the
	// time.
	dataNextCert = "next.crt"
	dataNextKey  = "next.key"
	// dataBundle are all CAs to be trusted: those above, and others whose certificates are still in use.
	dataBundle = "bundle.crt"
	// dataRecord is the [record].
	dataRecord = "rotation.json"

	stateVersion = "1"
)

// ourKeys are the keys of the Secret's data that belong to this package.
func ourKeys() []string {
	return []string{dataVersion, dataCert, dataKey, dataNextCert, dataNextKey, dataBundle, dataRecord}
}

// errVersion says that another release wrote the Secret. What it means is unknown, so that it is not ours to repair.
var errVersion = errors.New("it was written by another release")

// state is what the Secret holds. It is never changed once made.
type state struct {
	keyPair // the CA that signs

	next   *keyPair // its successor, or nil
	bundle trust.Bundle
	record record
	// data is what the Secret holds under our keys.
	data map[string][]byte
}

// emptyState tells whether a Secret has none of our keys set: somebody has created it for us to fill.
func emptyState(data map[string][]byte) bool {
	return !slices.ContainsFunc(ourKeys(), func(key string) bool { return len(data[key]) > 0 })
}

// parseState reads a Secret's data. Its errors never quote the data: part of it is a private key.
func parseState(data map[string][]byte) (*state, error) {
	if version := string(data[dataVersion]); version != "" && version != stateVersion {
		return nil, fmt.Errorf("version is %s, and this program reads version %s: %w: run that one, or a newer one",
			quote(version), stateVersion, errVersion)
	} else if version == "" {
		return nil, errors.New("version is missing")
	}
	signing, err := parseKeyPair(data, dataCert, dataKey)
	if err != nil {
		return nil, err
	}
	next, err := parseNext(data)
	if err != nil {
		return nil, err
	}
	kept, err := parseRecord(data[dataRecord])
	if err != nil {
		return nil, err
	}
	bundle, err := trust.ParseText(data[dataBundle])
	if err != nil {
		return nil, fmt.Errorf("%s is not a PEM bundle of certificates: %w", dataBundle, err)
	}
	for _, ca := range bundle.Certificates() {
		if err := conforms(ca); err != nil {
			return nil, fmt.Errorf("%s has CN=%s: %w", dataBundle, quote(ca.Subject.CommonName), err)
		}
	}
	s := &state{keyPair: *signing, next: next, bundle: bundle, record: kept, data: map[string][]byte{}}
	s.bundle = s.members()
	for _, key := range ourKeys() {
		if value, set := data[key]; set {
			s.data[key] = value
		}
	}
	return s, nil
}

// members are all CAs of the state, trusted by its bundle already or not yet.
func (s *state) members() trust.Bundle {
	members := []*x509.Certificate{s.cert}
	if s.next != nil {
		members = append(members, s.next.cert)
	}
	return s.bundle.Union(trust.NewBundle(members...))
}

// equal tells whether two states were read from the same data.
func (s *state) equal(other *state) bool {
	return s != nil && maps.EqualFunc(s.data, other.data, bytes.Equal)
}
