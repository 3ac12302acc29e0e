// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// issueFor signs a draft that passes the policy and returns the leaf and what came after it.
func issueFor(
	t *testing.T, ca *keyPair, d *requestDraft, lifetime time.Duration, now time.Time,
) (leaf, issuer *x509.Certificate) {
	t.Helper()
	request := must(testPolicy().Check(d.object(t)))(t)
	encoded := must(issue(ca, grant{request: request, usages: d.spec.Usages, lifetime: lifetime}, now))(t)
	first, rest := pem.Decode(encoded)
	second, rest := pem.Decode(rest)
	if len(rest) > 0 {
		t.Errorf("%d bytes follow the CA", len(rest))
	}
	return must(x509.ParseCertificate(first.Bytes))(t), must(x509.ParseCertificate(second.Bytes))(t)
}

func TestIssueLeaf(t *testing.T) {
	ca := testCA(t)
	d := goodDraft(t)
	d.addPod("10.244.0.7", "10-244-0-7")
	leaf, issuer := issueFor(t, ca, d, time.Hour, start())

	if !issuer.Equal(ca.cert) {
		t.Error("the CA does not follow the leaf")
	}
	if !leaf.PublicKey.(*ecdsa.PublicKey).Equal(d.key.Public()) {
		t.Error("the leaf is for another key")
	}
	if diff := cmp.Diff(d.template.DNSNames, leaf.DNSNames); diff != "" {
		t.Errorf("DNS names (-asked +given):\n%s", diff)
	}
	if len(leaf.IPAddresses) != 1 || !leaf.IPAddresses[0].Equal(d.template.IPAddresses[0]) {
		t.Errorf("IP addresses %v, asked for %v", leaf.IPAddresses, d.template.IPAddresses)
	}
	if got := leaf.Subject.String(); got != "CN="+serverName {
		t.Errorf("subject %s", got)
	}
	if leaf.IsCA || !leaf.BasicConstraintsValid {
		t.Error("the leaf does not say that it is no CA")
	}
	if diff := cmp.Diff([]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, leaf.ExtKeyUsage); diff != "" {
		t.Errorf("extended key usages (-want +got):\n%s", diff)
	}
	if len(ca.cert.SubjectKeyId) == 0 || !bytes.Equal(leaf.AuthorityKeyId, ca.cert.SubjectKeyId) {
		t.Errorf("authority key %x, the CA's subject key %x", leaf.AuthorityKeyId, ca.cert.SubjectKeyId)
	}
}

func TestIssueVerifies(t *testing.T) {
	ca := testCA(t)
	leaf, _ := issueFor(t, ca, goodDraft(t), time.Hour, start())
	if err := trust.NewBundle(ca.cert).Verify([]*x509.Certificate{leaf}, serverName, start()); err != nil {
		t.Errorf("the CA does not verify its leaf: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for name, options := range map[string]x509.VerifyOptions{
		"as a client":         {KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		"for another name":    {DNSName: "other.shop.svc"},
		"after its expiry":    {CurrentTime: start().Add(time.Hour + time.Second)},
		"before its validity": {CurrentTime: start().Add(-backdating - time.Second)},
	} {
		options.Roots = roots
		if options.CurrentTime.IsZero() {
			options.CurrentTime = start()
		}
		if _, err := leaf.Verify(options); err == nil {
			t.Errorf("the leaf verifies %s", name)
		}
	}
}

func TestIssueLifetime(t *testing.T) {
	ca := testCA(t)
	end := ca.cert.NotAfter
	for _, tc := range []struct {
		name     string
		now      time.Time
		lifetime time.Duration
		want     time.Time
	}{
		{"as granted", start(), time.Hour, start().Add(time.Hour)},
		{"not beyond the CA", end.Add(-time.Hour), 2 * time.Hour, end},
		{"just before the CA is of no use", end.Add(-DefaultMinDuration - time.Second), time.Hour, end},
	} {
		t.Run(tc.name, func(t *testing.T) {
			leaf, _ := issueFor(t, ca, goodDraft(t), tc.lifetime, tc.now)
			if !leaf.NotAfter.Equal(tc.want) {
				t.Errorf("NotAfter %s, want %s", leaf.NotAfter, tc.want)
			}
			if want := tc.now.Add(-5 * time.Minute); !leaf.NotBefore.Equal(want) {
				t.Errorf("NotBefore %s, want %s", leaf.NotBefore, want)
			}
		})
	}
}

func TestIssueWithExpiringCA(t *testing.T) {
	ca := testCA(t)
	request := must(testPolicy().Check(goodDraft(t).object(t)))(t)
	for _, left := range []time.Duration{DefaultMinDuration, 0, -time.Hour} {
		_, err := issue(ca, grant{request: request, lifetime: time.Hour}, ca.cert.NotAfter.Add(-left))
		if !errors.Is(err, ErrCAExpired) {
			t.Errorf("with %s left: %v, want ErrCAExpired", left, err)
		}
	}
}

func TestIssueKeyUsage(t *testing.T) {
	withRSA := func(d *requestDraft) { d.key = must(rsa.GenerateKey(rand.Reader, 2048))(t) }
	encipher := func(d *requestDraft) { d.spec.Usages = append(d.spec.Usages, certificatesv1.UsageKeyEncipherment) }
	for _, tc := range []struct {
		name  string
		draft []func(*requestDraft)
		want  x509.KeyUsage
	}{
		{"ECDSA", nil, x509.KeyUsageDigitalSignature},
		{"ECDSA that asks for key encipherment", []func(*requestDraft){encipher}, x509.KeyUsageDigitalSignature},
		{"RSA", []func(*requestDraft){withRSA}, x509.KeyUsageDigitalSignature},
		{"RSA that asks for key encipherment", []func(*requestDraft){withRSA, encipher},
			x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := goodDraft(t)
			for _, alter := range tc.draft {
				alter(d)
			}
			if leaf, _ := issueFor(t, testCA(t), d, time.Hour, start()); leaf.KeyUsage != tc.want {
				t.Errorf("key usage %b, want %b", leaf.KeyUsage, tc.want)
			}
		})
	}
}

func TestIssueWithoutSubject(t *testing.T) {
	d := goodDraft(t)
	d.template.Subject = pkix.Name{}
	leaf, _ := issueFor(t, testCA(t), d, time.Hour, start())
	if got := leaf.Subject.String(); got != "" {
		t.Errorf("subject %s", got)
	}
	for _, extension := range leaf.Extensions {
		// RFC 5280, section 4.2.1.6: then the SANs must be critical.
		if extension.Id.Equal(oidSubjectAltName()) && !extension.Critical {
			t.Error("the subject is empty and the SANs are not critical")
		}
	}
}

func TestIssueSerialNumbers(t *testing.T) {
	ca, d := testCA(t), goodDraft(t)
	seen := map[string]bool{ca.cert.SerialNumber.String(): true}
	all := new(big.Int)
	for range 50 {
		leaf, _ := issueFor(t, ca, d, time.Hour, start())
		serial := leaf.SerialNumber
		if serial.Sign() <= 0 || serial.BitLen() > 160 {
			t.Errorf("serial number %x is not positive and at most 20 octets", serial)
		}
		if seen[serial.String()] {
			t.Errorf("serial number %x twice", serial)
		}
		seen[serial.String()] = true
		all.Or(all, serial)
	}
	if all.BitLen() < 128 {
		t.Errorf("50 serial numbers have only %d bits", all.BitLen())
	}
}

func TestNewCA(t *testing.T) {
	ca := testCA(t)
	cert := ca.cert
	if err := ca.check(); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := cert.CheckSignatureFrom(cert); err != nil {
		t.Errorf("not self-signed: %v", err)
	}
	if !cert.MaxPathLenZero || cert.MaxPathLen != 0 {
		t.Errorf("path length %d, want 0", cert.MaxPathLen)
	}
	if want := x509.KeyUsageCertSign | x509.KeyUsageCRLSign; cert.KeyUsage != want {
		t.Errorf("key usage %b, want %b", cert.KeyUsage, want)
	}
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key %T", cert.PublicKey)
	}
	if cert.SerialNumber.Sign() <= 0 || cert.SerialNumber.BitLen() < 64 {
		t.Errorf("serial number %x", cert.SerialNumber)
	}
	if !cert.NotBefore.Equal(start().Add(-5*time.Minute)) || !cert.NotAfter.Equal(start().Add(DefaultCADuration)) {
		t.Errorf("valid from %s until %s", cert.NotBefore, cert.NotAfter)
	}
}

func TestCAName(t *testing.T) {
	long := "a-service-with-a-name-of-sixty-three-characters-which-is-allowed"[:63]
	for _, tc := range []struct{ service, namespace, want string }{
		{"hook", "shop", "hook.shop@1772366400"},
		{long, "shop", long[:53] + "@1772366400"},
	} {
		if got := caName(tc.service, tc.namespace, start()); got != tc.want || len(got) > maxCommonName {
			t.Errorf("%q (%d characters), want %q", got, len(got), tc.want)
		}
	}
}
