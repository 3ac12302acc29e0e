// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"reflect"
	"slices"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// TestKubeletServingRequest makes a request from the profile and holds it
// against the rules of kube-controller-manager's signer, after a round trip
// through DER as that signer would see it.
func TestKubeletServingRequest(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := signer.Lookup(signer.KubeletServing)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"RSA": rsaKey, "ECDSA": ecdsaKey} {
		t.Run(name, func(t *testing.T) {
			subject, err := profile.Subject("web.shop.svc", "web")
			if err != nil {
				t.Fatal(err)
			}
			template := &x509.CertificateRequest{Subject: subject, DNSNames: []string{"web.shop.svc"}}
			der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
			if err != nil {
				t.Fatal(err)
			}
			csr, err := x509.ParseCertificateRequest(der)
			if err != nil {
				t.Fatal(err)
			}
			if fault := kubeletServingFault(csr, profile.Usages(key.Public())); fault != "" {
				t.Errorf("kube-controller-manager would refuse the request: %s", fault)
			}
		})
	}
}

// kubeletServingFault restates ValidateKubeletServingCSR of k8s.io/kubernetes,
// pkg/apis/certificates/helpers.go, as of 1.37.
func kubeletServingFault(csr *x509.CertificateRequest, usages []certificatesv1.KeyUsage) string {
	usages = slices.Sorted(slices.Values(usages))
	switch {
	case !reflect.DeepEqual(csr.Subject.Organization, []string{"system:nodes"}):
		return "organization"
	case len(csr.DNSNames)+len(csr.IPAddresses) == 0:
		return "no SAN"
	case len(csr.EmailAddresses)+len(csr.URIs) > 0:
		return "e-mail or URI SAN"
	case !strings.HasPrefix(csr.Subject.CommonName, "system:node:"):
		return "common name"
	case !slices.Equal(usages, []certificatesv1.KeyUsage{"digital signature", "key encipherment", "server auth"}) &&
		!slices.Equal(usages, []certificatesv1.KeyUsage{"digital signature", "server auth"}):
		return "usages"
	}
	return ""
}
