// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
)

func TestNewPairAcceptsEveryKindOfKeyThatTLSServes(t *testing.T) {
	root := newRoot(t, "root")
	for name, generate := range map[string]func() (crypto.Signer, error){
		"ecdsa-p256": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"ecdsa-p384": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"ecdsa-p521": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		"rsa-2048":   func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"ed25519": func() (crypto.Signer, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			return key, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := generate()
			if err != nil {
				t.Fatal(err)
			}
			pair, err := NewPair([]*x509.Certificate{root.leaf(t, key.Public())}, key, nil)
			if err != nil {
				t.Fatalf("NewPair: %v", err)
			}
			again, err := ParsePair(pair.CertPEM(), keyPEM(t, pair), pair.CAPEM())
			if err != nil {
				t.Fatalf("ParsePair of its own PEM: %v", err)
			}
			if !again.Equal(pair) || !again.key.Public().(publicKey).Equal(key.Public()) {
				t.Error("the pair that was encoded and parsed is another one")
			}
		})
	}
}

func TestNewPairRefuses(t *testing.T) {
	root, key := newRoot(t, "root"), newKey(t)
	leaf := root.leaf(t, key.Public())
	old, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		chain []*x509.Certificate
		key   crypto.Signer
		cas   []*x509.Certificate
		want  string
	}{
		"no certificate":      {nil, key, nil, "no certificate was given"},
		"nil in the chain":    {[]*x509.Certificate{leaf, nil}, key, nil, "without gaps"},
		"nil among the CAs":   {[]*x509.Certificate{leaf}, key, []*x509.Certificate{nil}, "without gaps"},
		"no key":              {[]*x509.Certificate{leaf}, nil, nil, `no private key was given for the certificate of "hook`},
		"another key":         {[]*x509.Certificate{leaf}, newKey(t), nil, "does not belong to the certificate"},
		"root first":          {[]*x509.Certificate{root.cert, leaf}, key, nil, `subject "CN=root"`},
		"a curve TLS has not": {[]*x509.Certificate{root.leaf(t, old.Public())}, old, nil, "TLS cannot serve"},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := NewPair(tc.chain, tc.key, tc.cas)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("NewPair = %v, %v, want an error with %q", pair, err, tc.want)
			}
		})
	}
}

func TestPairIsNotChangedThroughWhatItTakesAndGives(t *testing.T) {
	root, key := newRoot(t, "root"), newKey(t)
	leaf := root.leaf(t, key.Public())
	chain, cas := []*x509.Certificate{leaf, root.cert}, []*x509.Certificate{root.cert}
	pair, err := NewPair(chain, key, cas)
	if err != nil {
		t.Fatal(err)
	}
	chain[0], cas[0] = nil, nil
	pair.Chain()[0], pair.CAs()[0] = nil, nil
	pair.Certificate().Certificate[0] = nil
	if pair.Leaf() != leaf || pair.CAs()[0] != root.cert {
		t.Error("changing a slice outside changed the pair")
	}
	if c := pair.Certificate(); !bytes.Equal(c.Certificate[0], leaf.Raw) || len(c.Certificate) != 2 || c.Leaf != leaf {
		t.Errorf("the TLS certificate has chain length %d and leaf %v", len(c.Certificate), c.Leaf)
	}
}

func TestPairEqual(t *testing.T) {
	root, other := newRoot(t, "root"), newRoot(t, "other")
	a := newPair(t, root)
	with := func(cas ...*x509.Certificate) *Pair {
		pair, err := NewPair(a.chain, a.key, cas)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	short, err := NewPair(a.chain[:1], a.key, a.cas)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		a, b *Pair
		want bool
	}{
		"itself":               {a, a, true},
		"same parts":           {a, with(root.cert), true},
		"CAs in another order": {with(root.cert, other.cert), with(other.cert, root.cert), true},
		"a CA twice":           {a, with(root.cert, root.cert), true},
		"another leaf":         {a, newPair(t, root), false},
		"an intermediate less": {a, short, false},
		"another CA":           {a, with(other.cert), false},
		"one more CA":          {a, with(root.cert, other.cert), false},
		"nil and nil":          {nil, nil, true},
		"nil and a pair":       {nil, a, false},
		"a pair and nil":       {a, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.a.Equal(tc.b); got != tc.want {
				t.Errorf("Equal = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestPairNeverPrintsItsKey(t *testing.T) {
	pair := newPair(t, newRoot(t, "root"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, pair); got != pair.Fingerprint() {
			t.Errorf("%s prints %q, want the fingerprint %s", verb, got, pair.Fingerprint())
		}
		if got := fmt.Sprintf(verb, struct{ P *Pair }{pair}); strings.Contains(got, "ecdsa") {
			t.Errorf("%s of a struct with a pair prints %q", verb, got)
		}
	}
	if got, err := json.Marshal(pair); err != nil || string(got) != "{}" { //nolint:staticcheck // SA9005 is what is tested.
		t.Errorf("JSON of a pair is %s, %v, want {}", got, err)
	}
	if got := fmt.Sprint((*Pair)(nil)); got != "no key pair" {
		t.Errorf("a nil pair prints %q", got)
	}
}

func TestFingerprintTellsLeavesApart(t *testing.T) {
	root := newRoot(t, "root")
	a, b := newPair(t, root), newPair(t, root)
	if a.Fingerprint() == b.Fingerprint() || len(a.Fingerprint()) != 16 {
		t.Errorf("fingerprints are %q and %q, want two different ones of 16 digits", a.Fingerprint(), b.Fingerprint())
	}
}

// token is a key which cannot be exported, as one in a hardware module.
type token struct{ key crypto.Signer }

func (k token) Public() crypto.PublicKey { return k.key.Public() }

func (k token) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.key.Sign(random, digest, o)
}

func TestKeyPEMOfAKeyThatCannotBeExported(t *testing.T) {
	key := newKey(t)
	pair, err := NewPair([]*x509.Certificate{newRoot(t, "root").leaf(t, key.Public())}, token{key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.KeyPEM(); err == nil || !strings.Contains(err.Error(), "keep the pair in memory") {
		t.Errorf("KeyPEM = %v, want an error that says what to do", err)
	}
}

func TestDescribe(t *testing.T) {
	for want, c := range map[string]*x509.Certificate{
		`"a.b"`:      {DNSNames: []string{"a.b", "c"}, IPAddresses: []net.IP{{10, 0, 0, 1}}},
		"10.0.0.1":   {IPAddresses: []net.IP{{10, 0, 0, 1}}},
		`subject ""`: {SerialNumber: big.NewInt(1)},
	} {
		if got := describe(c); got != want {
			t.Errorf("describe = %s, want %s", got, want)
		}
	}
}
