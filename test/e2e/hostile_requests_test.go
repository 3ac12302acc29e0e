// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// hostileRequest is a request that the API server takes, that an administrator was talked into approving, and that must
// not be signed. Each is a good one with one thing changed.
type hostileRequest struct {
	template func(*x509.CertificateRequest)
	key      func(testing.TB) crypto.Signer
	spec     func(*testing.T, *certificatesv1.CertificateSigningRequestSpec)
	// by asks instead of the site's ServiceAccount.
	by kubernetes.Interface
	// reason and says are the Failed condition's.
	reason, says string
}

func weakRSA(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) // #nosec G403 -- that is the point.
	must(t, err)
	return key
}

func onCurve(curve elliptic.Curve) func(testing.TB) crypto.Signer {
	return func(t testing.TB) crypto.Signer {
		t.Helper()
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(t, err)
		return key
	}
}

// hugeRSA is a request for a key of 8448 bits, made once and for all: making such a key takes half a minute.
func hugeRSA(t *testing.T, spec *certificatesv1.CertificateSigningRequestSpec) {
	t.Helper()
	var err error
	spec.Request, err = os.ReadFile("testdata/rsa-8448.csr")
	must(t, err)
}

func names(names ...string) func(*x509.CertificateRequest) {
	return func(r *x509.CertificateRequest) { r.DNSNames = names }
}

func extension(value []byte, last ...int) func(*x509.CertificateRequest) {
	return func(r *x509.CertificateRequest) {
		id := append(asn1.ObjectIdentifier{2, 5, 29}, last...)
		r.ExtraExtensions = append(r.ExtraExtensions, pkix.Extension{Id: id, Value: value})
	}
}

func usages(usages ...certificatesv1.KeyUsage) func(*testing.T, *certificatesv1.CertificateSigningRequestSpec) {
	return func(_ *testing.T, spec *certificatesv1.CertificateSigningRequestSpec) {
		spec.Usages = append(spec.Usages, usages...)
	}
}

func hostileRequests(s *authorities) map[string]hostileRequest {
	return map[string]hostileRequest{
		"a foreign requester": {by: s.Admin, reason: authority.ReasonRequesterNotAllowed, says: "only \"" + s.requester()},
		"another Service's names": {template: names("other." + s.Namespace + ".svc"),
			reason: authority.ReasonDNSNameNotAllowed, says: "other." + s.Namespace},
		"our Service in another namespace": {template: names(s.serverName(), site.Service+".kube-system.svc"),
			reason: authority.ReasonDNSNameNotAllowed, says: "kube-system"},
		"a wildcard": {template: names(s.serverName(), "*."+s.Namespace+".svc"),
			reason: authority.ReasonWildcardNotAllowed, says: "wildcard"},
		"somebody's address": {template: func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{{10, 96, 0, 1}} },
			reason: authority.ReasonIPAddressNotAllowed, says: "10.96.0.1"},
		"an identity in a URI": {
			template: func(r *x509.CertificateRequest) { r.URIs = []*url.URL{{Scheme: "spiffe", Host: "c"}} },
			reason:   authority.ReasonSANTypeNotAllowed, says: "URIs"},
		"a group of the cluster": {
			template: func(r *x509.CertificateRequest) { r.Subject.Organization = []string{"system:masters"} },
			reason:   authority.ReasonSubjectNotAllowed, says: "leave out organizations"},
		"CA:TRUE": {template: extension([]byte{0x30, 3, 1, 1, 0xff}, 19),
			reason: authority.ReasonExtensionNotAllowed, says: "2.5.29.19"},
		"certificate signing in an extension": {template: extension([]byte{3, 2, 2, 4}, 15),
			reason: authority.ReasonExtensionNotAllowed, says: "2.5.29.15"},
		"client auth": {spec: usages(certificatesv1.UsageClientAuth),
			reason: authority.ReasonUsagesNotAllowed, says: "client auth"},
		"certificate signing": {spec: usages(certificatesv1.UsageCertSign),
			reason: authority.ReasonUsagesNotAllowed, says: "cert sign"},
		"a weak RSA key":      {key: weakRSA, reason: authority.ReasonKeyNotAllowed, says: "1024 bits"},
		"an enormous RSA key": {spec: hugeRSA, reason: authority.ReasonKeyNotAllowed, says: "8448 bits"},
		"a weak curve":        {key: onCurve(elliptic.P224()), reason: authority.ReasonKeyNotAllowed, says: "P-224"},
	}
}

// TestHostileRequestsAreRefused: each gets the condition Failed, which says why, and a server that is running during that time
// with the same CA is none the worse.
func TestHostileRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := &authorities{Site: site.New(t, shared, site.Options{})}
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	good := snapshot(t, s.Site)
	signer := s.ensured(t)
	for name, hostile := range hostileRequests(s) {
		t.Run(name, func(t *testing.T) {
			obj := s.approved(t, hostile.submit(t, s))
			_, err := signer.Sign(t.Context(), obj)
			if refused, ok := errors.AsType[*authority.PolicyError](err); !ok || refused.Reason != hostile.reason {
				t.Errorf("Sign: %v, want a *PolicyError with reason %s", err, hostile.reason)
			}
			live, err := s.live(t.Context(), obj.Name)
			must(t, err)
			if len(live.Status.Certificate) > 0 {
				t.Fatal("it was signed")
			}
			failed := live.Status.Conditions[len(live.Status.Conditions)-1]
			if failed.Type != certificatesv1.CertificateFailed || failed.Reason != hostile.reason ||
				!strings.Contains(failed.Message, hostile.says) {
				t.Errorf("condition %s, reason %s: %q; want Failed, %s and %q", failed.Type, failed.Reason, failed.Message,
					hostile.reason, hostile.says)
			}
		})
	}
	good.wantUntouched(t)
	wantAdmission(t, s.Site)
}

func (h hostileRequest) submit(t *testing.T, s *authorities) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	template := &x509.CertificateRequest{DNSNames: []string{s.serverName()}}
	if h.template != nil {
		h.template(template)
	}
	key := onCurve(elliptic.P256())
	if h.key != nil {
		key = h.key
	}
	obj := s.draftOf(t, template, key(t))
	if h.spec != nil {
		h.spec(t, &obj.Spec)
	}
	by := h.by
	if by == nil {
		by = s.client(t)
	}
	return s.create(t, by, obj)
}

// TestLifetimeBeyondTheCAs is granted as far as the CA goes: what outlives its CA cannot be verified to its end.
func TestLifetimeBeyondTheCAs(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	const lifetime = time.Hour
	signer := s.ensured(t, func(o *authority.Options) { o.CADuration, o.Policy.MaxDuration = lifetime, lifetime })
	longer := s.replica(t) // It would give a year.
	must(t, longer.Ensure(t.Context()))
	obj := s.draft(t, s.serverName())
	obj.Spec.ExpirationSeconds = new(int32((48 * time.Hour).Seconds()))
	obj, err := s.client(t).CertificatesV1().CertificateSigningRequests().Create(t.Context(), obj, metav1.CreateOptions{})
	must(t, err)
	signed, err := longer.Sign(t.Context(), s.approved(t, obj))
	must(t, err)
	chain, err := cert.ParseCertsPEM(signed.Status.Certificate)
	must(t, err)
	if leaf, ca := chain[0].NotAfter, signer.Bundle().NotAfter(); leaf.After(ca) {
		t.Errorf("the certificate is valid until %s, its CA until %s", leaf, ca)
	}
}
