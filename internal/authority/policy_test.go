// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"errors"
	"net"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/utils/ptr"
)

func TestPolicyAllows(t *testing.T) {
	for _, tc := range []struct {
		name  string
		draft func(*requestDraft)
	}{
		{"one name", func(*requestDraft) {}},
		{"no common name", func(d *requestDraft) { d.template.Subject = pkix.Name{} }},
		{"all names", func(d *requestDraft) { d.template.DNSNames = testPolicy().DNSNames }},
		{"an IPv4 pod", func(d *requestDraft) { d.addPod("10.244.0.7", "10-244-0-7") }},
		{"an IPv6 pod", func(d *requestDraft) { d.addPod("fd00::7", "fd00--7") }},
		{"an IPv6 pod whose address ends in colons", func(d *requestDraft) {
			d.addPod("2001:db8::", "2001-0db8-0000-0000-0000-0000-0000-0000")
		}},
		{"a dual-stack pod", func(d *requestDraft) {
			d.addPod("10.244.0.7", "10-244-0-7")
			d.addPod("fd00::7", "fd00--7")
		}},
		{"a configured address", func(d *requestDraft) { d.template.IPAddresses = []net.IP{net.ParseIP("10.96.0.10")} }},
		{"key encipherment", func(d *requestDraft) {
			d.spec.Usages = append(d.spec.Usages, certificatesv1.UsageKeyEncipherment)
		}},
		{"the shortest lifetime", func(d *requestDraft) { d.spec.ExpirationSeconds = ptr.To[int32](600) }},
		{"more than the longest lifetime", func(d *requestDraft) { d.spec.ExpirationSeconds = ptr.To[int32](1 << 30) }},
		{"RSA 2048", func(d *requestDraft) { d.key = must(rsa.GenerateKey(rand.Reader, 2048))(t) }},
		{"ECDSA P-384", func(d *requestDraft) { d.key = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t) }},
		{"ECDSA P-521", func(d *requestDraft) { d.key = must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t) }},
		{"Ed25519", func(d *requestDraft) { _, d.key, _ = ed25519.GenerateKey(rand.Reader) }},
		{"white space around the PEM", func(d *requestDraft) {
			d.pem = func(b []byte) []byte { return append([]byte("\n"), append(b, "\n\n"...)...) }
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := goodDraft(t)
			tc.draft(d)
			if _, err := testPolicy().Check(d.object(t)); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestPolicyZeroValueRefusesEverything(t *testing.T) {
	obj := goodDraft(t).object(t)
	obj.Spec.Username = ""
	checkReason(t, Policy{}, obj, ReasonRequesterNotAllowed)
}

func TestPolicyWithoutNamespaceRefusesPods(t *testing.T) {
	d := goodDraft(t)
	d.addPod("10.244.0.7", "10-244-0-7")
	policy := testPolicy()
	policy.Namespace = ""
	checkReason(t, policy, d.object(t), ReasonDNSNameNotAllowed)
}

func TestPolicyClusterDomain(t *testing.T) {
	d := goodDraft(t)
	d.addPod("10.244.0.7", "10-244-0-7")
	policy := testPolicy()
	policy.ClusterDomain = "corp.example"
	checkReason(t, policy, d.object(t), ReasonDNSNameNotAllowed)

	d.template.DNSNames[1] = "10-244-0-7.shop.pod.corp.example"
	if _, err := policy.Check(d.object(t)); err != nil {
		t.Errorf("refused in its own domain: %v", err)
	}
}

// checkReason wants a violation with a reason and with a sentence.
func checkReason(t *testing.T, policy Policy, obj *certificatesv1.CertificateSigningRequest, want string) {
	t.Helper()
	request, err := policy.Check(obj)
	broken := (*PolicyError)(nil)
	ok := errors.As(err, &broken)
	if !ok {
		t.Fatalf("Check returned %v, want a *PolicyError", err)
	}
	if broken.Reason != want {
		t.Errorf("reason %s (%s), want %s", broken.Reason, broken.Message, want)
	}
	if request != nil {
		t.Error("a refused request was returned")
	}
	if m := broken.Message; len(m) < 20 || len(m) > 600 || m[len(m)-1] != '.' {
		t.Errorf("the message is not a sentence of sensible length: %q", m)
	}
}
