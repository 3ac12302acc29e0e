// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/authority"
)

// A policy for the Service "hook" in namespace "shop" signs for that Service's name, and for nothing else.
func ExamplePolicy_Check() {
	policy := authority.Policy{
		Requester: authority.ServiceAccountUser("shop", "hook"),
		DNSNames:  []string{"hook.shop.svc"},
	}
	for _, name := range []string{"hook.shop.svc", "kubernetes.default.svc"} {
		_, err := policy.Check(request(policy.Requester, name))
		if violation := (*authority.PolicyError)(nil); errors.As(err, &violation) {
			fmt.Println(name, "is refused:", violation.Reason)
			continue
		}
		fmt.Println(name, "may be signed")
	}
	// Output:
	// hook.shop.svc may be signed
	// kubernetes.default.svc is refused: DNSNameNotAllowed
}

// request is what the API server would hand us for a user who asks for a certificate for name.
func request(user, name string) *certificatesv1.CertificateSigningRequest {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, key)
	if err != nil {
		panic(err)
	}
	return &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
		Request:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		SignerName: authority.SignerName,
		Username:   user,
		Usages:     []certificatesv1.KeyUsage{certificatesv1.UsageServerAuth, certificatesv1.UsageDigitalSignature},
	}}
}
