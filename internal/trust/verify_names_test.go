// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"
)

// renamed is the CA with another certificate: the same key, under a name in other bytes.
func (ca testCA) renamed(t *testing.T, subject pkix.Name, raw []byte) testCA {
	t.Helper()
	template := &x509.Certificate{
		Subject: subject, RawSubject: raw, NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return testCA{sign(t, template, template, ca.key, ca.key), ca.key}
}

// TestACAUnderANameInAnotherEncoding: to the eye the CA is there. The advice says what is different, and what to do.
func TestACAUnderANameInAnotherEncoding(t *testing.T) {
	ca := newCA(t, "our-ca", noon().Add(time.Hour))
	leaf := ca.leaf(t, nil)
	utf8 := slices.Clone(ca.cert.RawSubject)
	// PrintableString (19) and UTF8String (12) have the same length.
	if i := bytes.Index(utf8, []byte("our-ca")); i < 2 || utf8[i-2] != asn1.TagPrintableString {
		t.Fatalf("the name is %x", utf8)
	} else {
		utf8[i-2] = asn1.TagUTF8String
	}
	for name, tc := range map[string]struct {
		bundle Bundle
		says   string
	}{
		"in another encoding": {NewBundle(ca.renamed(t, pkix.Name{}, utf8).cert), "openssl x509 -in OLD.crt -signkey CA.key"},
		"under another name":  {NewBundle(ca.renamed(t, pkix.Name{CommonName: "new"}, nil).cert), "its name (CN=new)"},
		"another key":         {NewBundle(newCA(t, "our-ca", noon().Add(time.Hour)).cert), "add the CA that signed it"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.bundle.Verify([]*x509.Certificate{leaf}, serverName, noon())
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one with %q", err, tc.says)
			}
		})
	}
}

// alike is a CA that nothing but its key tells from others.
func alike(t *testing.T) testCA {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "our-ca"}, SubjectKeyId: []byte{1}, NotBefore: noon().Add(-time.Hour),
		NotAfter: noon().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	return testCA{sign(t, template, template, key, key), key}
}

// TestALiveBundleIsVerifiedInItsOrder: crypto/x509, and so the API server, gives up after 100 CAs of one subject. Where
// the right one stands among them depends on the bytes, and not on the order in which we would write them.
func TestALiveBundleIsVerifiedInItsOrder(t *testing.T) {
	right := alike(t)
	leaf := right.leaf(t, nil)
	var others []byte
	for range 100 {
		others = append(others, NewBundle(alike(t).cert).PEM()...)
	}
	own := NewBundle(right.cert).PEM()
	for name, tc := range map[string]struct {
		bytes []byte
		want  bool
	}{
		"the right one first": {slices.Concat(own, others), true},
		"the right one last":  {slices.Concat(others, own), false},
	} {
		t.Run(name, func(t *testing.T) {
			err := VerifyLive(tc.bytes, []*x509.Certificate{leaf}, serverName, noon())
			if (err == nil) != tc.want {
				t.Errorf("verified: %v, want %t", err, tc.want)
			}
		})
	}
}
