// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// testCA is somebody else's CA.
type testCA struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newTestCA(t testing.TB, name string) *testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	return &testCA{key: key, certificate: certify(t, template, template, key, key)}
}

// issue makes a leaf for name and returns certificate and key in PEM.
func (ca *testCA) issue(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	leaf := certify(t, leafTemplate(t, []string{name}), ca.certificate, private, ca.key)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return encode("CERTIFICATE", leaf.Raw), encode("PRIVATE KEY", der)
}

func (ca *testCA) pem() []byte { return encode("CERTIFICATE", ca.certificate.Raw) }

func (ca *testCA) file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.crt")
	must(t, os.WriteFile(path, ca.pem(), 0o600))
	return path
}

// answer approves and signs every request of the site until the test ends: an approver and a signer in one.
func (ca *testCA) answer(t testing.TB, s *site.Site) {
	t.Helper()
	answerWith(t, s, ca.signer(t))
}

// signer signs whatever it is asked for.
func (ca *testCA) signer(t testing.TB) func(*x509.CertificateRequest) ([]byte, error) {
	t.Helper()
	return func(asked *x509.CertificateRequest) ([]byte, error) {
		return ca.leaf(leafTemplate(t, asked.DNSNames), asked)
	}
}

// leaf signs template with the addresses and the key that were asked for.
func (ca *testCA) leaf(template *x509.Certificate, asked *x509.CertificateRequest) ([]byte, error) {
	template.IPAddresses = asked.IPAddresses
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, asked.PublicKey, ca.key)
	return encode("CERTIFICATE", der), err
}

// answerWith approves every request of the site until the test ends, and answers with what sign makes of it.
func answerWith(t testing.TB, s *site.Site, sign func(*x509.CertificateRequest) ([]byte, error)) {
	t.Helper()
	requests := s.Admin.CertificatesV1().CertificateSigningRequests()
	events, err := requests.Watch(t.Context(), metav1.ListOptions{LabelSelector: csr.LabelNamespace + "=" + s.Namespace})
	if err != nil {
		t.Error(err)
		return
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		obj, isRequest := event.Object.(*certificatesv1.CertificateSigningRequest)
		if event.Type != watch.Added || !isRequest {
			continue
		}
		if err := answerOne(t, s, obj, sign); err != nil && t.Context().Err() == nil {
			t.Errorf("signing: %v", err)
		}
	}
}

func answerOne(
	t testing.TB, s *site.Site, obj *certificatesv1.CertificateSigningRequest,
	sign func(*x509.CertificateRequest) ([]byte, error),
) error {
	t.Helper()
	ctx, requests := t.Context(), s.Admin.CertificatesV1().CertificateSigningRequests()
	obj.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "by a test"}}
	obj, err := requests.UpdateApproval(ctx, obj.Name, obj, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	block, _ := pem.Decode(obj.Spec.Request)
	asked, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	if obj.Status.Certificate, err = sign(asked); err != nil {
		return err
	}
	_, err = requests.UpdateStatus(ctx, obj, metav1.UpdateOptions{})
	return err
}

func leafTemplate(t testing.TB, names []string) *x509.Certificate {
	t.Helper()
	return &x509.Certificate{
		SerialNumber: serial(t), DNSNames: names,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
}

func certify(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return certificate
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(t, err)
	return n
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func request(t testing.TB) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil)
}

// countWrites says how often the configuration has been written since events began. It writes it once more itself: a
// watch is ordered, so that what comes before that write is all there was.
func countWrites(t testing.TB, s *site.Site, events <-chan watch.Event) int {
	t.Helper()
	const end = "hookstrap.test/end"
	_, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), s.Configuration,
		types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+end+`":"true"}}}`), metav1.PatchOptions{})
	must(t, err)
	writes := 0
	for event := range events {
		if _, ended := event.Object.(metav1.Object).GetAnnotations()[end]; ended {
			break
		}
		writes++
	}
	return writes
}
