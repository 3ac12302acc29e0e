// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"net"
	"net/netip"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const serverName = "hook.shop.svc"

// start is the time at which the tests take place.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func testPolicy() Policy {
	return Policy{
		Requester: ServiceAccountUser("shop", "hook"),
		DNSNames:  []string{"hook", "hook.shop", serverName, "hook.shop.svc.cluster.local"},
		Namespace: "shop",
		ExtraIPs:  []netip.Addr{netip.MustParseAddr("10.96.0.10")},
	}
}

// requestDraft is a request in the making. Tests change one thing of a good one.
type requestDraft struct {
	template x509.CertificateRequest
	key      crypto.Signer
	spec     certificatesv1.CertificateSigningRequestSpec
	// der and pem, unless nil, alter the encoded request.
	der func([]byte) []byte
	pem func([]byte) []byte
}

func goodDraft(t testing.TB) *requestDraft {
	t.Helper()
	return &requestDraft{
		template: x509.CertificateRequest{
			Subject:  pkix.Name{CommonName: serverName},
			DNSNames: []string{serverName},
		},
		key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t),
		spec: certificatesv1.CertificateSigningRequestSpec{
			SignerName: SignerName,
			Username:   testPolicy().Requester,
			Usages:     []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
		},
	}
}

func (d *requestDraft) addPod(ip, label string) {
	d.template.DNSNames = append(d.template.DNSNames, label+".shop.pod.cluster.local")
	d.template.IPAddresses = append(d.template.IPAddresses, net.ParseIP(ip))
}

func (d *requestDraft) extend(oid asn1.ObjectIdentifier, value []byte) {
	d.template.ExtraExtensions = append(d.template.ExtraExtensions, pkix.Extension{Id: oid, Value: value})
}

// object makes the API object.
func (d *requestDraft) object(t testing.TB) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	der := must(x509.CreateCertificateRequest(rand.Reader, &d.template, d.key))(t)
	if d.der != nil {
		der = d.der(der)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	if d.pem != nil {
		encoded = d.pem(encoded)
	}
	spec := d.spec
	spec.Request = encoded
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "shop-hook-1", UID: "u1"},
		Spec:       spec,
	}
}

func approved(obj *certificatesv1.CertificateSigningRequest) *certificatesv1.CertificateSigningRequest {
	obj.Status.Conditions = append(obj.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, LastUpdateTime: metav1.NewTime(start()),
	})
	return obj
}

// withPublicKey swaps the key inside an encoded request, which no longer matches its signature then.
func withPublicKey(t testing.TB, key crypto.PublicKey) func([]byte) []byte {
	t.Helper()
	spki := must(x509.MarshalPKIXPublicKey(key))(t)
	return func(der []byte) []byte {
		var outer struct {
			Info struct {
				Version    int
				Subject    asn1.RawValue
				Key        asn1.RawValue
				Attributes asn1.RawValue
			}
			Algorithm pkix.AlgorithmIdentifier
			Signature asn1.BitString
		}
		must(asn1.Unmarshal(der, &outer))(t)
		outer.Info.Key = asn1.RawValue{FullBytes: spki}
		return must(asn1.Marshal(outer))(t)
	}
}

func testCA(t testing.TB) *keyPair {
	t.Helper()
	return must(newCA(caName("hook", "shop", start()), DefaultCADuration, start()))(t)
}

func testState(t testing.TB) *state {
	t.Helper()
	return must(newDraft(testCA(t), DefaultMaxDuration).encoded())(t)
}

// testAuthority has a client that reaches no one: for what asks nothing of the API server.
func testAuthority(t testing.TB) *Authority {
	t.Helper()
	return must(New(Options{
		Client:    must(kubernetes.NewForConfig(&rest.Config{Host: "https://127.0.0.1:1"}))(t),
		Namespace: "shop",
		Service:   "hook",
		Policy:    testPolicy(),
		Now:       start,
	}))(t)
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
