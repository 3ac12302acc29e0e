// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Pair is a private key, the certificate chain which belongs to it, and the CA certificates that came along with
// them.
//
// A Pair comes from [NewPair] or [ParsePair], which refuse parts that do not fit each other, and does not change
// afterwards: it may be shared between goroutines. The certificates it hands out are shared too and must not be
// modified.
type Pair struct {
	chain []*x509.Certificate
	key   crypto.Signer
	cas   []*x509.Certificate
	// skipped are the PEM blocks that were no certificates.
	skipped []string
}

// publicKey is what the public keys of the standard library have in common.
type publicKey interface {
	Equal(x crypto.PublicKey) bool
}

// NewPair returns the pair of a certificate chain, leaf first, and its private key. The CA certificates are a set,
// in no order, and may be empty. Whether they verify the chain is not looked at: that is a question for the code that
// decides on trust.
//
// It is an error when there is no leaf, when the key is not the leaf's, or when TLS has no use for a key of its kind.
func NewPair(chain []*x509.Certificate, key crypto.Signer, cas []*x509.Certificate) (*Pair, error) {
	if len(chain) == 0 || slices.Contains(chain, nil) || slices.Contains(cas, nil) {
		return nil, errors.New("no certificate was given for the key: pass the chain, leaf first, without gaps")
	}
	if key == nil {
		return nil, fmt.Errorf("no private key was given for the certificate of %s", describe(chain[0]))
	}
	if err := servable(chain[0]); err != nil {
		return nil, err
	}
	public, ok := key.Public().(publicKey)
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("the private key does not belong to the certificate of %s: "+
			"replace both together, and put the leaf first in the chain", describe(chain[0]))
	}
	return &Pair{chain: slices.Clone(chain), key: key, cas: asSet(cas)}, nil
}

// asSet sorts the CA certificates and drops doubles: the kubelet may write them in another order each time, and that
// is no change.
func asSet(cas []*x509.Certificate) []*x509.Certificate {
	order := func(a, b *x509.Certificate) int { return bytes.Compare(a.Raw, b.Raw) }
	return slices.CompactFunc(slices.SortedFunc(slices.Values(cas), order), (*x509.Certificate).Equal)
}

// servable says whether crypto/tls can use the leaf's kind of key in a handshake (RFC 8446, section 4.2.3).
func servable(leaf *x509.Certificate) error {
	switch public := leaf.PublicKey.(type) {
	case *rsa.PublicKey, ed25519.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P224() {
			return nil
		}
	}
	return fmt.Errorf("the certificate of %s has a %s key that TLS cannot serve: "+
		"issue it for an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key", describe(leaf), leaf.PublicKeyAlgorithm)
}

// Leaf returns the certificate of the key. It is never nil.
func (p *Pair) Leaf() *x509.Certificate { return p.chain[0] }

// Chain returns the leaf and the certificates that were sent with it, leaf first.
func (p *Pair) Chain() []*x509.Certificate { return slices.Clone(p.chain) }

// CAs returns the CA certificates that came along, sorted and without doubles; there may be none.
func (p *Pair) CAs() []*x509.Certificate { return slices.Clone(p.cas) }

// Skipped names the PEM blocks that were read and not used, by their position and type. Keys are not among them.
func (p *Pair) Skipped() []string { return slices.Clone(p.skipped) }

// Certificate returns the chain and the key in the form in which crypto/tls serves them, with Leaf set.
func (p *Pair) Certificate() *tls.Certificate {
	certificate := &tls.Certificate{PrivateKey: p.key, Leaf: p.chain[0]}
	for _, c := range p.chain {
		certificate.Certificate = append(certificate.Certificate, c.Raw)
	}
	return certificate
}

// Fingerprint returns the first 64 bits of the leaf's SHA-256 in hexadecimal: enough to tell certificates apart in
// logs.
func (p *Pair) Fingerprint() string {
	sum := sha256.Sum256(p.chain[0].Raw)
	return hex.EncodeToString(sum[:8])
}

// Equal says whether both pairs have the same chain, and with it the same key, and the same CA certificates. Nil is
// equal to nil only.
func (p *Pair) Equal(q *Pair) bool {
	if p == nil || q == nil {
		return p == q
	}
	same := (*x509.Certificate).Equal
	return slices.EqualFunc(p.chain, q.chain, same) && slices.EqualFunc(p.cas, q.cas, same)
}

// String returns the fingerprint.
func (p *Pair) String() string {
	if p == nil {
		return "no key pair"
	}
	return p.Fingerprint()
}

// Format writes the fingerprint for every verb, so that no %+v in a log line or a test's output ever prints the key.
func (p *Pair) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// describe names a certificate for people: by what it is valid for, else by its subject.
func describe(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return fmt.Sprintf("%q", c.DNSNames[0])
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	default:
		return fmt.Sprintf("subject %q", c.Subject)
	}
}
