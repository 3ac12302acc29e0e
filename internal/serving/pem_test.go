// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
)

func TestParsePair(t *testing.T) {
	want := newPair(t, newRoot(t, "root"))
	cert, key, ca := want.CertPEM(), keyPEM(t, want), want.CAPEM()
	sec1, err := x509.MarshalECPrivateKey(want.key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	bundle := slices.Concat(key, cert)
	for name, tc := range map[string]struct{ cert, key, ca []byte }{
		"three files":               {cert, key, ca},
		"a credential bundle":       {bundle, bundle, ca},
		"a bundle, key last":        {slices.Concat(cert, key), slices.Concat(cert, key), ca},
		"an SEC 1 key":              {cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), ca},
		"text around the blocks":    {slices.Concat([]byte("subject=x\n"), cert, []byte("\n\n")), key, ca},
		"lines end in CR LF":        {bytes.ReplaceAll(cert, []byte("\n"), []byte("\r\n")), key, ca},
		"the same CA several times": {cert, key, slices.Concat(ca, ca)},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := ParsePair(tc.cert, tc.key, tc.ca)
			if err != nil {
				t.Fatalf("ParsePair: %v", err)
			}
			if !pair.Equal(want) {
				t.Errorf("ParsePair = %v with %d CAs, want %v", pair, len(pair.CAs()), want)
			}
		})
	}
}

func TestParsePairWithoutCAs(t *testing.T) {
	pair := newPair(t, newRoot(t, "root"))
	for name, ca := range map[string][]byte{"nil": nil, "empty": {}, "white space": []byte(" \n")} {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePair(pair.CertPEM(), keyPEM(t, pair), ca)
			if err != nil {
				t.Fatalf("ParsePair: %v", err)
			}
			if len(got.CAs()) != 0 || got.CAPEM() != nil {
				t.Errorf("there are CAs: %s", got.CAPEM())
			}
		})
	}
}

func TestParsePairRefuses(t *testing.T) {
	root := newRoot(t, "root")
	pair, other := newPair(t, root), newPair(t, root)
	cert, key, ca := pair.CertPEM(), keyPEM(t, pair), pair.CAPEM()
	garbage := certificatePEM([]byte("garbage"))
	for name, tc := range map[string]struct {
		cert, key, ca []byte
		want          string
	}{
		"nothing":                     {nil, nil, nil, "no CERTIFICATE block in the certificate chain"},
		"no certificate":              {key, key, nil, "no CERTIFICATE block in the certificate chain"},
		"no key":                      {cert, nil, nil, "failed to find any PEM data in key input"},
		"files switched":              {key, cert, nil, "no CERTIFICATE block"},
		"a certificate for a key":     {cert, cert, nil, `failed to find PEM block with type ending in "PRIVATE KEY"`},
		"the key of another pair":     {cert, keyPEM(t, other), nil, "do not make a pair"},
		"garbage in the chain":        {slices.Concat(cert, garbage), key, nil, "certificate 3 of the certificate chain"},
		"garbage for a leaf":          {garbage, key, nil, "certificate 1 of the certificate chain"},
		"the leaf cut":                {cert[:100], key, nil, "1 PEM blocks begin but 0 can be decoded"},
		"the second certificate cut":  {cert[:len(cert)-40], key, nil, "2 PEM blocks begin but 1 can be decoded"},
		"the key cut":                 {cert, key[:len(key)-30], nil, "reading the private key"},
		"a CA cut":                    {cert, key, ca[:len(ca)-30], "reading the CA certificates"},
		"something else for a CA":     {cert, key, []byte("not PEM"), "no CERTIFICATE block in the CA certificates"},
		"garbage for a CA":            {cert, key, garbage, "certificate 1 of the CA certificates"},
		"a bundle with another's key": {slices.Concat(keyPEM(t, other), cert), keyPEM(t, other), nil, "do not make a pair"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParsePair(tc.cert, tc.key, tc.ca)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("ParsePair = %v, %v, want an error with %q", got, err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE KEY-----") {
				t.Errorf("the error holds a key: %v", err)
			}
		})
	}
}

// TestParsePairOfEveryPrefix writes a credential bundle byte by byte, as a slow writer would: no prefix may pass for
// the pair unless it ends behind a whole certificate.
func TestParsePairOfEveryPrefix(t *testing.T) {
	pair := newPair(t, newRoot(t, "root"))
	bundle := slices.Concat(keyPEM(t, pair), pair.CertPEM())
	end := []byte("-----END CERTIFICATE-----")
	for n := range len(bundle) {
		prefix := bundle[:n]
		_, err := ParsePair(prefix, prefix, nil)
		if behind := bytes.HasSuffix(bytes.TrimSpace(prefix), end); err == nil && !behind {
			// What follows a whole block and does not begin one yet cannot be told from a comment.
			tail := prefix[bytes.LastIndex(prefix, end)+len(end):]
			if len(tail) > len("\n-----BEGIN ") {
				t.Fatalf("the first %d of %d bytes are taken for a pair, ending in %q", n, len(bundle), tail)
			}
		}
	}
}
