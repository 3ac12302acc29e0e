// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// authorities is an installation of which a test runs the built-in signer alone, with the shipped RBAC rules.
type authorities struct {
	*site.Site

	requests requestCounter
}

func newAuthorities(t testing.TB) *authorities {
	t.Helper()
	return &authorities{Site: site.New(t, shared, site.Options{WithoutConfiguration: true})}
}

func (s *authorities) serverName() string { return site.Service + "." + s.Namespace + ".svc" }

func (s *authorities) requester() string {
	return authority.ServiceAccountUser(s.Namespace, site.ServiceAccount)
}

// client authenticates as the ServiceAccount, and its requests are counted.
func (s *authorities) client(t testing.TB) kubernetes.Interface {
	t.Helper()
	return mustClient(t, intercept(s.Config(t), s.requests.count))
}

// replica is one more authority of the site.
func (s *authorities) replica(t testing.TB, alter ...func(*authority.Options)) *authority.Authority {
	t.Helper()
	options := authority.Options{
		Client:    s.client(t),
		Namespace: s.Namespace,
		Service:   site.Service,
		Policy:    authority.Policy{Requester: s.requester(), DNSNames: []string{s.serverName()}},
	}
	for _, change := range alter {
		change(&options)
	}
	a, err := authority.New(options)
	must(t, err)
	return a
}

// ensured is a replica that has the CA.
func (s *authorities) ensured(t testing.TB, alter ...func(*authority.Options)) *authority.Authority {
	t.Helper()
	a := s.replica(t, alter...)
	must(t, a.Ensure(t.Context()))
	return a
}

func (s *authorities) secret(t testing.TB) *corev1.Secret {
	t.Helper()
	secret, err := s.Admin.CoreV1().Secrets(s.Namespace).Get(t.Context(), authority.DefaultSecretName, metav1.GetOptions{})
	must(t, err)
	return secret
}

func (s *authorities) createSecret(t testing.TB, data map[string][]byte) {
	t.Helper()
	_, err := s.Admin.CoreV1().Secrets(s.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: authority.DefaultSecretName, Annotations: map[string]string{"kept": "yes"}},
		Data:       data,
	}, metav1.CreateOptions{})
	must(t, err)
}

// draft is a request for name that the authority signs, not yet created.
func (s *authorities) draft(t testing.TB, name string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return s.draftOf(t, &x509.CertificateRequest{DNSNames: []string{name}}, key)
}

func (s *authorities) draftOf(
	t testing.TB, template *x509.CertificateRequest, key crypto.Signer,
) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	must(t, err)
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: s.Namespace + "-", Labels: map[string]string{csr.LabelNamespace: s.Namespace},
		},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    encode("CERTIFICATE REQUEST", der),
			SignerName: authority.SignerName,
			Usages:     []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
		},
	}
}

// submit creates a request for name with the given client.
func (s *authorities) submit(
	t testing.TB, by kubernetes.Interface, name string,
) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	return s.create(t, by, s.draft(t, name))
}

func (s *authorities) create(
	t testing.TB, by kubernetes.Interface, draft *certificatesv1.CertificateSigningRequest,
) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	obj, err := by.CertificatesV1().CertificateSigningRequests().Create(t.Context(), draft, metav1.CreateOptions{})
	must(t, err)
	return obj
}

// submitApproved is submit, and an administrator's approval.
func (s *authorities) submitApproved(
	t testing.TB, by kubernetes.Interface, name string,
) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	return s.approved(t, s.submit(t, by, name))
}

// approved adds an administrator's approval.
func (s *authorities) approved(
	t testing.TB, obj *certificatesv1.CertificateSigningRequest,
) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	obj.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "by a test"}}
	obj, err := s.Admin.CertificatesV1().CertificateSigningRequests().UpdateApproval(t.Context(), obj.Name, obj,
		metav1.UpdateOptions{})
	must(t, err)
	return obj
}

func (s *authorities) live(ctx context.Context, name string) (*certificatesv1.CertificateSigningRequest, error) {
	return s.Admin.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
}

// verified wants a chain in status.certificate that the authority's bundle verifies, and returns its leaf.
func (s *authorities) verified(
	t testing.TB, a *authority.Authority, obj *certificatesv1.CertificateSigningRequest,
) *x509.Certificate {
	t.Helper()
	chain, err := cert.ParseCertsPEM(obj.Status.Certificate)
	must(t, err)
	if err := a.Bundle().Verify(chain, s.serverName(), time.Now()); err != nil {
		t.Errorf("CertificateSigningRequest %s: %v", obj.Name, err)
	}
	return chain[0]
}

// background runs a function until the test ends, with the test's log.
func background(t testing.TB, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(t.Context()), site.Logger(t)))
	var running sync.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil {
			t.Errorf("returned %v, want nil", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

// failure is the Failed condition's reason, or "".
func failure(obj *certificatesv1.CertificateSigningRequest) string {
	for _, condition := range obj.Status.Conditions {
		if condition.Type == certificatesv1.CertificateFailed && condition.Status == corev1.ConditionTrue {
			return condition.Reason
		}
	}
	return ""
}

// requestCounter records the requests of a client, by method and whether they watch.
type requestCounter struct {
	mu   sync.Mutex
	seen []string
}

func (c *requestCounter) count(request *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, fmt.Sprintf("%s watch=%s", request.Method, request.URL.Query().Get("watch")))
}

// take returns what was seen since the last call.
func (c *requestCounter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = nil
	return seen
}
