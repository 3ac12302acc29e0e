// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/certificate/csr"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
)

// Labels on every CertificateSigningRequest, so that `kubectl get csr -l hookstrap.dev/service=NAME` finds them.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelService   = "hookstrap.dev/service"
	LabelNamespace = "hookstrap.dev/namespace"
	LabelPod       = "hookstrap.dev/pod"
)

// ManagedBy is the value of [LabelManagedBy].
const ManagedBy = "hookstrap"

// MinDuration is the shortest lifetime the API server lets anybody ask for: spec.expirationSeconds of at least 600.
const MinDuration = 10 * time.Minute

// MaxDuration is the longest lifetime that a request can say: spec.expirationSeconds is an int32, about 68 years.
const MaxDuration = math.MaxInt32 * time.Second

const (
	maxLabelValue = 63
	maxNamePrefix = 200
)

// Spec says which certificate is wanted.
type Spec struct {
	// Identity gives the SANs; see [identity.New] and, where there is no Service, [identity.ForHosts].
	Identity identity.Identity
	// Profile is the signer that is asked, and what it demands of subject and usages.
	Profile signer.Profile
	// Subject is the subject to ask for, nil for what the Profile demands and the Identity gives. A client's certificate
	// must come back with its common name and organizations.
	Subject *pkix.Name
	// Algorithm is the key to be generated; the zero value is ECDSA P-256.
	Algorithm KeyAlgorithm
	// Duration is the lifetime asked for, between [MinDuration] and [MaxDuration]; 0 leaves it to the signer, which may
	// always shorten it.
	Duration time.Duration
}

// pkcs10 makes the PEM-encoded certification request (RFC 2986) that key signs.
func (s Spec) pkcs10(key crypto.Signer) ([]byte, error) {
	subject, err := s.subject()
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{
		Subject:     subject,
		DNSNames:    s.Identity.DNSNames,
		IPAddresses: s.Identity.NetIPs(),
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("signing the certification request for %s: %w", subject, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

func (s Spec) subject() (pkix.Name, error) {
	if s.Subject != nil {
		return *s.Subject, nil
	}
	return s.Profile.Subject(s.Identity.ServerName(), s.Identity.CommonName())
}

// object is the CertificateSigningRequest to be created for key.
func (s Spec) object(key crypto.Signer) (*certificatesv1.CertificateSigningRequest, error) {
	request, err := s.pkcs10(key)
	if err != nil {
		return nil, err
	}
	obj := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: s.name(), Labels: s.labels()},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    request,
			SignerName: s.Profile.Name(),
			Usages:     s.Profile.Usages(key.Public()),
		},
	}
	if s.Duration > 0 {
		obj.Spec.ExpirationSeconds = csr.DurationToExpirationSeconds(s.Duration)
	}
	return obj, nil
}

// name carries 128 random bits and more: with generateName's five characters somebody could create the names first.
func (s Spec) name() string {
	prefix := s.Identity.Namespace + "-" + s.Identity.Service
	if s.Identity.Service == "" {
		prefix = ManagedBy
	}
	prefix = prefix[:min(len(prefix), maxNamePrefix)]
	return strings.TrimRight(prefix, "-.") + "-" + strings.ToLower(rand.Text())
}

func (s Spec) labels() map[string]string {
	labels := map[string]string{LabelManagedBy: ManagedBy}
	if service := s.Identity.Service; service != "" {
		labels[LabelService], labels[LabelNamespace] = service, s.Identity.Namespace
	}
	if pod := s.Identity.PodName; pod != "" {
		labels[LabelPod] = labelValue(pod)
	}
	return labels
}

// labelValue cuts a name to what a label may carry; a pod's name may be longer (253 against 63).
func labelValue(name string) string {
	return strings.TrimRight(name[:min(len(name), maxLabelValue)], "-.")
}
