// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzParsePair checks that no bytes make ParsePair panic, and that what it accepts is whole and survives being written
// and read again.
func FuzzParsePair(f *testing.F) {
	pair := newPair(f, newRoot(f, "root"))
	cert, key, ca := pair.CertPEM(), keyPEM(f, pair), pair.CAPEM()
	bundle := slices.Concat(key, cert)
	f.Add(cert, key, ca)
	f.Add(bundle, bundle, []byte(nil))
	f.Add(cert[:len(cert)-40], key, ca)
	f.Add(cert, key, certificatePEM([]byte("garbage")))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN "), []byte("\x00"))
	f.Fuzz(func(t *testing.T, cert, key, ca []byte) {
		pair, err := ParsePair(cert, key, ca)
		if err != nil {
			return
		}
		if pair.Leaf() == nil || !bytes.Equal(pair.Certificate().Certificate[0], pair.Leaf().Raw) {
			t.Fatal("the leaf is not the first certificate")
		}
		again, err := ParsePair(pair.CertPEM(), keyPEM(t, pair), pair.CAPEM())
		if err != nil {
			t.Fatalf("what was accepted once is refused when written anew: %v", err)
		}
		if !again.Equal(pair) {
			t.Fatal("what was written anew is another pair")
		}
	})
}

// FuzzParseClientAuth checks that no bytes make ParseClientAuth panic or admit clients of no CA, and that what it
// accepts survives being written and read again.
func FuzzParseClientAuth(f *testing.F) {
	good := bundleOf(newRoot(f, "first"), newRoot(f, "second"))
	f.Add(good)
	f.Add(good[:len(good)-40])
	f.Add(certificatePEM([]byte("garbage")))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseClientAuth(data, nil)
		if err != nil {
			return
		}
		if len(a.CAs()) == 0 {
			t.Fatal("accepted without a CA")
		}
		again, err := ParseClientAuth(encodeCertificates(a.CAs()), nil)
		if err != nil || !again.Equal(a) {
			t.Fatalf("what was accepted once is another when written anew: %v", err)
		}
	})
}
