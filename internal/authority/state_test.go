// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/trust"
)

func TestStateRoundTrip(t *testing.T) {
	made := testState(t)
	read := must(parseState(made.data))(t)
	if !read.cert.Equal(made.cert) {
		t.Error("another certificate came back")
	}
	if err := read.check(); err != nil {
		t.Errorf("the pair that came back cannot sign: %v", err)
	}
	if !read.bundle.Equal(made.bundle) || !read.bundle.Contains(made.cert) {
		t.Errorf("the bundle is %s, want %s", read.bundle.Describe(), made.bundle.Describe())
	}
	if !made.equal(read) {
		t.Errorf("the data changed:\n%s", cmp.Diff(made.data, read.data))
	}
}

func TestStateBundle(t *testing.T) {
	current, old := testState(t), testCA(t)
	for _, tc := range []struct {
		name   string
		bundle []byte
		want   trust.Bundle
	}{
		{"an older CA too", trust.NewBundle(old.cert, current.cert).PEM(), trust.NewBundle(old.cert, current.cert)},
		{"the signing CA is left out", trust.NewBundle(old.cert).PEM(), trust.NewBundle(old.cert, current.cert)},
		{"no bundle", nil, trust.NewBundle(current.cert)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := maps.Clone(current.data)
			data[dataBundle] = tc.bundle
			if got := must(parseState(data))(t).bundle; !got.Equal(tc.want) {
				t.Errorf("got %s, want %s", got.Describe(), tc.want.Describe())
			}
		})
	}
}

func TestParseStateRefuses(t *testing.T) {
	leaf, _ := issueFor(t, testCA(t), goodDraft(t), time.Hour, start())
	d := goodDraft(t)
	leafState := keyPair{key: d.key}
	leafState.cert, _ = issueFor(t, testCA(t), d, time.Hour, start())
	set := func(key string, value []byte) func(map[string][]byte) {
		return func(data map[string][]byte) { data[key] = value }
	}
	double := func(key string) func(map[string][]byte) {
		return func(data map[string][]byte) { data[key] = slices.Concat(data[key], data[key]) }
	}
	for _, tc := range []struct {
		name   string
		damage func(map[string][]byte)
		want   string
	}{
		{"no version", set(dataVersion, nil), "version is missing"},
		{"a later version", set(dataVersion, []byte("2")), `version is "2"`},
		{"no certificate", set(dataCert, nil), "ca.crt is missing"},
		{"garbage for a certificate", set(dataCert, []byte("hello")), "ca.crt is not a PEM block of type CERTIFICATE"},
		{"a block that is no certificate", set(dataCert, encodeCertificate([]byte{1})), "ca.crt is not an X.509 certificate"},
		{"two certificates", double(dataCert), "ca.crt has more than one PEM block"},
		{"a leaf of another CA", set(dataCert, encodeCertificate(leaf.Raw)), "ca.crt and ca.key: the key does not belong"},
		{"another CA's certificate", set(dataCert, testState(t).data[dataCert]), "ca.crt and ca.key: the key does not belong"},
		{"a leaf with its key", func(data map[string][]byte) {
			maps.Copy(data, must(newDraft(&leafState, 0).encoded())(t).data)
		}, "ca.crt and ca.key: the certificate is not a CA's"},
		{"no key", set(dataKey, nil), "ca.key is missing"},
		{"garbage for a key", set(dataKey, []byte("hello")), "ca.key is not a PEM block of type PRIVATE KEY"},
		{"another CA's key", set(dataKey, testState(t).data[dataKey]), "ca.crt and ca.key: the key does not belong"},
		{"a certificate for a key", set(dataKey, testState(t).data[dataCert]), "ca.key is not a PEM block"},
		{"a block that is no key", set(dataKey, pemKey([]byte{1})), "ca.key is not a private key that can sign"},
		{"a key that cannot sign", set(dataKey, x25519Key(t)), "ca.key is not a private key that can sign"},
		{"two keys", double(dataKey), "ca.key has more than one PEM block"},
		{"a successor without its key", func(data map[string][]byte) {
			data[dataNextCert] = testState(t).data[dataCert]
		}, "next.key is missing"},
		{"a successor's key alone", func(data map[string][]byte) {
			data[dataNextKey] = testState(t).data[dataKey]
		}, "next.crt is missing"},
		{"another CA's key for a successor", func(data map[string][]byte) {
			data[dataNextCert], data[dataNextKey] = testState(t).data[dataCert], data[dataKey]
		}, "next.crt and next.key: the key does not belong"},
		{"garbage for a record", set(dataRecord, []byte("hello")), "rotation.json is not the record"},
		{"a record of the far future", set(dataRecord, []byte(`{"leafSeconds":9000000000000}`)), "which cannot be"},
		{"garbage for a bundle", set(dataBundle, []byte("hello")), "bundle.crt is not a PEM bundle"},
		{"a key in the bundle", set(dataBundle, testState(t).data[dataKey]), "bundle.crt is not a PEM bundle"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := maps.Clone(testState(t).data)
			tc.damage(data)
			read, err := parseState(data)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			if read != nil {
				t.Error("a state was returned beside the error")
			}
			for line := range bytes.Lines(data[dataKey]) {
				if secret := string(bytes.TrimSpace(line)); len(secret) > 20 && !strings.HasPrefix(secret, "-----") &&
					strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows the key: %v", err)
				}
			}
		})
	}
}

func TestEmptyState(t *testing.T) {
	for _, tc := range []struct {
		name string
		data map[string][]byte
		want bool
	}{
		{"nil", nil, true},
		{"keys without values", map[string][]byte{dataCert: nil, dataKey: {}}, true},
		{"only other people's data", map[string][]byte{"note": []byte("x")}, true},
		{"a certificate alone", map[string][]byte{dataCert: []byte("x")}, false},
		{"a key alone", map[string][]byte{dataKey: []byte("x")}, false},
		{"a bundle alone", map[string][]byte{dataBundle: []byte("x")}, false},
		{"a version alone", map[string][]byte{dataVersion: []byte("1")}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := emptyState(tc.data); got != tc.want {
				t.Errorf("emptyState: %t, want %t", got, tc.want)
			}
		})
	}
}

func pemKey(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: keyPEMType, Bytes: der})
}

func x25519Key(t *testing.T) []byte {
	t.Helper()
	key := must(ecdh.X25519().GenerateKey(rand.Reader))(t)
	return pemKey(must(x509.MarshalPKCS8PrivateKey(key))(t))
}
