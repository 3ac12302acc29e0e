// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestVerify(t *testing.T) {
	ca := newCA(t, "our-ca", noon().Add(30*time.Minute))
	other := newCA(t, "other-ca", noon().Add(time.Hour))
	between := ca.intermediate(t, "between")
	good := ca.leaf(t, nil)
	selfSigned := newCA(t, "self", noon().Add(time.Hour))

	for name, tc := range map[string]struct {
		bundle Bundle
		chain  []*x509.Certificate
		now    time.Time
		err    []string // parts of the error; none for success
	}{
		"good":             {NewBundle(ca.cert), []*x509.Certificate{good}, noon(), nil},
		"among others":     {NewBundle(other.cert, ca.cert), []*x509.Certificate{good}, noon(), nil},
		"intermediate":     {NewBundle(ca.cert), []*x509.Certificate{between.leaf(t, nil), between.cert}, noon(), nil},
		"its own root":     {NewBundle(good), []*x509.Certificate{good}, noon(), nil},
		"no chain":         {NewBundle(ca.cert), nil, noon(), []string{"no certificate chain"}},
		"no certificate":   {NewBundle(ca.cert), []*x509.Certificate{nil}, noon(), []string{"no certificate chain"}},
		"empty bundle":     {Bundle{}, []*x509.Certificate{good}, noon(), []string{"CA bundle (no certificate)", "add the CA"}},
		"other CA":         {NewBundle(other.cert), []*x509.Certificate{good}, noon(), []string{"CN=web.apps.svc", "CN=other-ca", "add the CA"}},
		"no intermediate":  {NewBundle(ca.cert), []*x509.Certificate{between.leaf(t, nil)}, noon(), []string{"add the CA"}},
		"not its own root": {NewBundle(ca.cert), []*x509.Certificate{selfSigned.cert}, noon(), []string{"CN=self", "DNS name"}},
		"expired CA":       {NewBundle(ca.cert), []*x509.Certificate{good}, noon().Add(45 * time.Minute), []string{"expired", "compare the clocks"}},
		"expired leaf":     {NewBundle(ca.cert), []*x509.Certificate{good}, noon().Add(2 * time.Hour), []string{"expired", "compare the clocks"}},
		"other name": {NewBundle(ca.cert), []*x509.Certificate{
			ca.leaf(t, func(c *x509.Certificate) { c.DNSNames = []string{"db.apps.svc"} })}, noon(),
			[]string{"for web.apps.svc", "db.apps.svc", "request a certificate which has that DNS name"}},
		"client certificate": {NewBundle(ca.cert), []*x509.Certificate{
			ca.leaf(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}, noon(),
			[]string{"incompatible key usage", "server auth"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.bundle.Verify(tc.chain, serverName, tc.now)
			if (err == nil) != (tc.err == nil) {
				t.Fatalf("error %v, want one with %q", err, tc.err)
			}
			for _, want := range tc.err {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestVerifyWrapsTheCause(t *testing.T) {
	leaf := newCA(t, "our-ca", noon().Add(time.Hour)).leaf(t, nil)
	err := NewBundle(newCA(t, "other-ca", noon().Add(time.Hour)).cert).Verify([]*x509.Certificate{leaf}, serverName, noon())
	if !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("error %v, want an x509.UnknownAuthorityError inside", err)
	}
}

func TestDescribe(t *testing.T) {
	ca := newCA(t, "our-ca", time.Date(2027, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)))
	noSubject := ca.leaf(t, func(c *x509.Certificate) { c.Subject = pkix.Name{} })
	noName := ca.leaf(t, func(c *x509.Certificate) { c.Subject, c.DNSNames = pkix.Name{}, nil })

	for name, tc := range map[string]struct {
		cert *x509.Certificate
		want []string
	}{
		"CA":         {ca.cert, []string{"CN=our-ca sha256:", " expires 2027-01-02T02:04:05Z"}},
		"no subject": {noSubject, []string{"web.apps.svc sha256:"}},
		"no name":    {noName, []string{"(no subject) sha256:"}},
		"nil":        {nil, []string{"no certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range tc.want {
				if got := DescribeCertificate(tc.cert); !strings.Contains(got, want) {
					t.Errorf("got %q, want it to say %q", got, want)
				}
			}
		})
	}
	if got := NewBundle(ca.cert, noSubject).Describe(); strings.Count(got, "sha256:") != 2 {
		t.Errorf("a bundle of two is described as %q", got)
	}
}
