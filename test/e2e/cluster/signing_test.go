// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

const dnsName = "hook.system.svc"

func TestKubeletServingIsSignedAndVerifiesWithTheRootCAs(t *testing.T) {
	t.Parallel()
	client := clientFor(t, shared)
	name := approvedRequest(t, client)
	leaf := issued(t, client, name)

	published, err := client.CoreV1().ConfigMaps("default").Get(t.Context(), "kube-root-ca.crt", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for source, bundle := range map[string][]byte{
		"SigningCA":        shared.SigningCA(),
		"kube-root-ca.crt": []byte(published.Data["ca.crt"]),
	} {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(bundle)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: dnsName}); err != nil {
			t.Errorf("%s does not verify the leaf: %v", source, err)
		}
	}
}

func TestNothingIsSignedWithoutTheControllerManager(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t)
	client := clientFor(t, c)
	pids := componentPIDs(t, c.Dir())
	for range 2 { // stopping what is stopped is fine
		if err := c.StopControllerManager(); err != nil {
			t.Fatal(err)
		}
	}
	alive := 0
	for _, pid := range pids {
		if !gone(pid) {
			alive++
		}
	}
	if alive != 2 {
		t.Errorf("%d components are left, want etcd and the API server", alive)
	}
	name := approvedRequest(t, client)
	if _, err := certificate(t.Context(), client, name); err == nil {
		t.Error("a certificate was issued by nobody")
	}
	for range 2 { // and so is starting what runs
		if err := c.StartControllerManager(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	issued(t, client, name)
}

// TestRotatedSigningCA: what is issued afterwards is by another CA, and kube-root-ca.crt has that one.
func TestRotatedSigningCA(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t)
	client, before := clientFor(t, c), c.SigningCA()
	if err := c.RotateSigningCA(t.Context()); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(c.SigningCA(), before) {
		t.Fatal("it is the same CA as before")
	}
	leaf := issued(t, client, approvedRequest(t, client))
	clustertest.Eventually(t, func(ctx context.Context) error {
		published, err := client.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(published.Data["ca.crt"]))
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: dnsName})
		return err
	})
}

// approvedRequest creates and approves a request for a kubelet-serving certificate, and returns its name.
func approvedRequest(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	requests := client.CertificatesV1().CertificateSigningRequests()
	csr, err := requests.Create(t.Context(), &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    requestPEM(t),
			SignerName: certificatesv1.KubeletServingSignerName,
			Usages:     []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	csr.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{
		{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test"},
	}
	if _, err := requests.UpdateApproval(t.Context(), csr.Name, csr, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	return csr.Name
}

func requestPEM(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{Organization: []string{"system:nodes"}, CommonName: "system:node:" + dnsName},
		DNSNames: []string{dnsName},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// issued waits for a request's certificate.
func issued(t *testing.T, client kubernetes.Interface, name string) *x509.Certificate {
	t.Helper()
	var leaf *x509.Certificate
	clustertest.Eventually(t, func(ctx context.Context) (err error) {
		leaf, err = certificate(ctx, client, name)
		return err
	})
	return leaf
}

// certificate returns a request's certificate, or an error when there is none yet.
func certificate(ctx context.Context, client kubernetes.Interface, name string) (*x509.Certificate, error) {
	csr, err := client.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("getting the request: %w", err)
	}
	block, _ := pem.Decode(csr.Status.Certificate)
	if block == nil {
		return nil, errors.New("not issued yet")
	}
	return x509.ParseCertificate(block.Bytes)
}
