// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
)

// testSpec asks signerName for a certificate of Service "web" in namespace "shop".
func testSpec(t testing.TB, signerName string) Spec {
	t.Helper()
	id, err := identity.New(identity.Inputs{
		Service: "web", Namespace: "shop", PodName: "web-5f7c9-abcde",
		PodIPs: []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::3")},
	})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := signer.Lookup(signerName)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Identity: id, Profile: profile}
}

func TestObjectAsksForExactlyTheIdentity(t *testing.T) {
	for _, algorithm := range KeyAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			spec := testSpec(t, signer.BuiltIn)
			spec.Algorithm, spec.Duration = algorithm, time.Hour
			request := mustRequest(t, spec)
			if diff := cmp.Diff(spec.Identity.DNSNames, request.parsed.DNSNames); diff != "" {
				t.Errorf("DNS names (-want +got):\n%s", diff)
			}
			if got, want := len(request.parsed.IPAddresses), len(spec.Identity.IPs); got != want {
				t.Errorf("%d IP SANs, want %d", got, want)
			}
			if err := request.parsed.CheckSignature(); err != nil {
				t.Errorf("signature: %v", err)
			}
			if got := *request.object.Spec.ExpirationSeconds; got != 3600 {
				t.Errorf("expirationSeconds = %d, want 3600", got)
			}
			isRSA := strings.HasPrefix(string(algorithm), "rsa")
			if got := hasUsage(request.object, certificatesv1.UsageKeyEncipherment); got != isRSA {
				t.Errorf("key encipherment asked for: %t, want %t", got, isRSA)
			}
		})
	}
}

func TestObjectIsLabelledAndUnpredictable(t *testing.T) {
	spec := testSpec(t, signer.BuiltIn)
	first, second := mustRequest(t, spec).object, mustRequest(t, spec).object
	want := map[string]string{
		LabelManagedBy: ManagedBy, LabelService: "web", LabelNamespace: "shop", LabelPod: "web-5f7c9-abcde",
	}
	if diff := cmp.Diff(want, first.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if first.Name == second.Name {
		t.Errorf("two requests have the name %s", first.Name)
	}
	const randomCharacters = 26 // 128 bits and more in base32.
	if suffix, found := strings.CutPrefix(first.Name, "shop-web-"); !found || len(suffix) != randomCharacters {
		t.Errorf("name %q: want shop-web- and %d random characters", first.Name, randomCharacters)
	}
	if first.Spec.ExpirationSeconds != nil {
		t.Errorf("expirationSeconds = %d, want none when no duration is asked for", *first.Spec.ExpirationSeconds)
	}
}

func TestKubeletServingRequestIsWhatThatSignerTakes(t *testing.T) {
	request := mustRequest(t, testSpec(t, signer.KubeletServing))
	if got, want := request.parsed.Subject.CommonName, "system:node:web.shop.svc"; got != want {
		t.Errorf("CN = %q, want %q", got, want)
	}
	if diff := cmp.Diff([]string{"system:nodes"}, request.parsed.Subject.Organization); diff != "" {
		t.Errorf("O (-want +got):\n%s", diff)
	}
}

func TestLongNamesFitTheirFields(t *testing.T) {
	spec := testSpec(t, signer.BuiltIn)
	spec.Identity.PodName = strings.Repeat("a", 62) + "-" + strings.Repeat("b", 100)
	spec.Identity.Namespace, spec.Identity.Service = strings.Repeat("n", 63), strings.Repeat("s", 63)
	if got := spec.labels()[LabelPod]; got != strings.Repeat("a", 62) {
		t.Errorf("pod label = %q: want it cut and without a dash at its end", got)
	}
	if name := spec.name(); len(name) > 253 {
		t.Errorf("the name has %d characters, at most 253 are allowed", len(name))
	}
}

type request struct {
	object *certificatesv1.CertificateSigningRequest
	parsed *x509.CertificateRequest
}

func mustRequest(t *testing.T, spec Spec) request {
	t.Helper()
	key, err := spec.Algorithm.Generate()
	if err != nil {
		t.Fatal(err)
	}
	object, err := spec.object(key)
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(object.Spec.Request)
	if block == nil || len(rest) > 0 {
		t.Fatalf("spec.request is not one PEM block: %q", object.Spec.Request)
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return request{object: object, parsed: parsed}
}

func hasUsage(object *certificatesv1.CertificateSigningRequest, usage certificatesv1.KeyUsage) bool {
	return slices.Contains(object.Spec.Usages, usage)
}
