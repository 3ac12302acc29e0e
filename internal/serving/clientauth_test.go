// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// caller returns a client certificate for the name, altered.
func (i issuer) caller(t testing.TB, name string, alter func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: serial(t),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if alter != nil {
		alter(template)
	}
	leaf := sign(t, template, i.cert, key.Public(), i.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// bundleOf returns the CAs in PEM.
func bundleOf(cas ...issuer) []byte {
	var data []byte
	for _, ca := range cas {
		data = append(data, certificatePEM(ca.cert.Raw)...)
	}
	return data
}

// admitting returns a ClientAuth of the CAs.
func admitting(t *testing.T, names []string, cas ...issuer) *ClientAuth {
	t.Helper()
	a, err := ParseClientAuth(bundleOf(cas...), names)
	must(t, err)
	return a
}

func TestClientAuthVerifies(t *testing.T) {
	ca, other := newRoot(t, "clients"), newRoot(t, "others")
	below := ca.intermediate(t, "below")
	viaIntermediate := below.caller(t, "api-server", nil)
	viaIntermediate.Certificate = append(viaIntermediate.Certificate, below.cert.Raw)
	named := func(c *x509.Certificate) { c.DNSNames = []string{"first.example", "second.example"} }
	for name, tc := range map[string]struct {
		certificate tls.Certificate
		names       []string
		want        string // of the error; empty: admitted
	}{
		"valid":                       {ca.caller(t, "api-server", nil), nil, ""},
		"through an intermediate":     {viaIntermediate, nil, ""},
		"the intermediate is missing": {below.caller(t, "api-server", nil), nil, "no client CA verifies it"},
		"nothing presented":           {tls.Certificate{}, nil, "presented no certificate"},
		"another CA":                  {other.caller(t, "api-server", nil), nil, "no client CA verifies it"},
		"another CA of the same name": {newRoot(t, "clients").caller(t, "api-server", nil), nil, "no client CA"},
		"expired": {ca.caller(t, "api-server", func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(-time.Second)
		}), nil, "not valid now"},
		"not valid yet": {ca.caller(t, "api-server", func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(time.Minute)
		}), nil, "not valid now"},
		"for servers": {ca.caller(t, "api-server", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), nil, "clientAuth"},
		"the common name is allowed":  {ca.caller(t, "api-server", nil), []string{"other", "api-server"}, ""},
		"a DNS name is allowed":       {ca.caller(t, "api-server", named), []string{"second.example"}, ""},
		"a DNS name without a common": {ca.caller(t, "", named), []string{"first.example"}, ""},
		"no name is allowed":          {ca.caller(t, "api-server", named), []string{"third.example"}, "third.example"},
		"the name in other letters":   {ca.caller(t, "api-server", named), []string{"API-server", "First.example"}, "letter by letter"},
		"part of the name":            {ca.caller(t, "api-server", named), []string{"api", "example"}, "letter by letter"},
		"a wildcard is no pattern":    {ca.caller(t, "api-server", named), []string{"*.example"}, "letter by letter"},
		"a wildcard in a certificate": {ca.caller(t, "*", nil), []string{"api-server"}, "letter by letter"},
		"the name, but another CA":    {other.caller(t, "api-server", nil), []string{"api-server"}, "no client CA verifies it"},
		"the name, of an organization": {ca.caller(t, "", func(c *x509.Certificate) {
			c.Subject.Organization = []string{"api-server"}
		}), []string{"api-server"}, "letter by letter"},
	} {
		t.Run(name, func(t *testing.T) {
			err := admitting(t, tc.names, ca).verify(parsed(t, tc.certificate), time.Now())
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("verify = %v, want an error with %q (empty: none)", err, tc.want)
			}
		})
	}
}

// parsed returns the chain of a certificate as a handshake has it.
func parsed(t *testing.T, c tls.Certificate) []*x509.Certificate {
	t.Helper()
	chain := make([]*x509.Certificate, 0, len(c.Certificate))
	for _, der := range c.Certificate {
		p, err := x509.ParseCertificate(der)
		must(t, err)
		chain = append(chain, p)
	}
	return chain
}

func TestReadClientAuth(t *testing.T) {
	first, second := newRoot(t, "first"), newRoot(t, "second")
	good := bundleOf(first, second)
	for name, tc := range map[string]struct {
		data []byte
		want string // of the error; empty: both CAs
	}{
		"two CAs":                {good, ""},
		"in another order":       {bundleOf(second, first, second), ""},
		"with comments":          {slices.Concat([]byte("# ours\n"), good, []byte("\n# the end\n")), ""},
		"nothing":                {nil, "there is no CERTIFICATE block"},
		"garbage":                {[]byte("garbage"), "there is no CERTIFICATE block"},
		"half of it":             {good[:len(good)-40], "still being written"},
		"no certificate inside":  {certificatePEM([]byte("garbage")), "cannot be parsed"},
		"a key":                  {keyPEM(t, newPair(t, first)), "there is no CERTIFICATE block"},
		"a DER file":             {first.cert.Raw, "there is no CERTIFICATE block"},
		"garbage after good one": {slices.Concat(good, []byte("-----BEGIN CERTIFICATE-----\n!\n")), "still being written"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, tc.data, dir, "clients.crt")
			path := filepath.Join(dir, "clients.crt")
			a, err := ReadClientAuth(path, nil)
			switch {
			case tc.want == "" && (err != nil || !a.Equal(admitting(t, nil, first, second))):
				t.Errorf("ReadClientAuth = %v, %v, want both CAs", a, err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) ||
				!strings.Contains(err.Error(), path)):
				t.Errorf("ReadClientAuth = %v, %v, want an error with %q and the path", a, err, tc.want)
			}
		})
	}
}

func TestReadClientAuthOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "directory"), 0o700), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	for _, name := range []string{"directory", "pipe", "missing", ""} {
		if a, err := ReadClientAuth(filepath.Join(dir, name), nil); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%q: ReadClientAuth = %v, %v, want an error with the path", name, a, err)
		}
	}
}

func TestClientAuthEqual(t *testing.T) {
	first, second := newRoot(t, "first"), newRoot(t, "second")
	one := admitting(t, []string{"name"}, first)
	for name, tc := range map[string]struct {
		other *ClientAuth
		want  bool
	}{
		"the same":        {admitting(t, []string{"name"}, first), true},
		"another CA":      {admitting(t, []string{"name"}, second), false},
		"one more CA":     {admitting(t, []string{"name"}, first, second), false},
		"another name":    {admitting(t, []string{"other"}, first), false},
		"every name":      {admitting(t, nil, first), false},
		"every client":    {nil, false},
		"a CA named same": {admitting(t, []string{"name"}, newRoot(t, "first")), false},
	} {
		if one.Equal(tc.other) != tc.want || tc.other.Equal(one) != tc.want {
			t.Errorf("%s: Equal is not %t", name, tc.want)
		}
	}
	if !(*ClientAuth)(nil).Equal(nil) {
		t.Error("nil is not equal to nil")
	}
}
