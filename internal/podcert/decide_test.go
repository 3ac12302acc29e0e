// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// question is a request and what is known when it is looked at; a row of a test changes one thing.
type question struct {
	policy  Policy
	request Request
	facts   Facts
}

func pkcs10(t testing.TB, key crypto.Signer, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func ecdsaKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ordinary is a question whose answer is a certificate for the Service web.
func ordinary(t testing.TB) question {
	t.Helper()
	asked := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	return question{
		policy: Policy{SignerName: "example.com/authority", ClusterDomain: "cluster.local"},
		request: Request{
			NamespacedName: types.NamespacedName{Namespace: "shop", Name: "request"}, Created: asked,
			PodName: "web-0", PodUID: "pod-1", ServiceAccountName: "web", ServiceAccountUID: "account-1", NodeName: "node-a",
			MaxLifetime: 24 * time.Hour, PKCS10: pkcs10(t, ecdsaKey(t, elliptic.P256()), x509.CertificateRequest{}),
		},
		facts: Facts{
			Pod: &Pod{UID: "pod-1", Created: asked.Add(-time.Minute), Labels: map[string]string{"app": "web", "tier": "front"},
				ServiceAccountName: "web", NodeName: "node-a"},
			ServiceAccountUID: "account-1",
			Services:          map[string]Selector{"web": {"app": "web"}, "other": {"app": "other"}},
		},
	}
}

func annotated(values ...string) func(*question) {
	return func(q *question) {
		q.request.Annotations = map[string]string{}
		for i := 0; i < len(values); i += 2 {
			q.request.Annotations[values[i]] = values[i+1]
		}
	}
}

func webNames(domain string, services ...string) (names []string) {
	for _, service := range services {
		names = append(names, service+".shop.svc", service+".shop.svc."+domain)
	}
	return names
}

func TestDecideGrants(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change   func(*question)
		names    []string
		lifetime time.Duration
	}{
		"the Service that selects the Pod": {func(*question) {}, webNames("cluster.local", "web"), 24 * time.Hour},
		"two Services": {func(q *question) { q.facts.Services["all"] = Selector{"tier": "front"} },
			webNames("cluster.local", "all", "web"), 24 * time.Hour},
		"one of two by annotation": {func(q *question) {
			q.facts.Services["all"] = Selector{"tier": "front"}
			annotated(ServicesAnnotation, "all")(q)
		}, webNames("cluster.local", "all"), 24 * time.Hour},
		"two by annotation, one twice": {func(q *question) {
			q.facts.Services["all"] = Selector{"tier": "front"}
			annotated(ServicesAnnotation, "web, all,web")(q)
		}, webNames("cluster.local", "all", "web"), 24 * time.Hour},
		"another cluster domain": {func(q *question) { q.policy.ClusterDomain = "example.org" }, webNames("example.org", "web"),
			24 * time.Hour},
		"a lifetime beyond the default": {func(q *question) { q.request.MaxLifetime = LongestLifetime },
			webNames("cluster.local", "web"), DefaultLifetime},
		"the shortest lifetime": {func(q *question) { q.request.MaxLifetime = ShortestLifetime },
			webNames("cluster.local", "web"), ShortestLifetime},
		"names in the stub request": {func(q *question) {
			q.request.PKCS10 = pkcs10(t, ecdsaKey(t, elliptic.P384()), x509.CertificateRequest{DNSNames: []string{"kubernetes"}})
		}, webNames("cluster.local", "web"), 24 * time.Hour},
		"an allowed namespace and ServiceAccount": {func(q *question) {
			q.policy.Namespaces = []string{"shop"}
			q.policy.ServiceAccounts = []types.NamespacedName{{Namespace: "shop", Name: "web"}}
		}, webNames("cluster.local", "web"), 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := ordinary(t)
			row.change(&q)
			grant, err := q.policy.Decide(&q.request, q.facts)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(grant.DNSNames, row.names) || grant.Lifetime != row.lifetime {
				t.Errorf("got %v for %s, want %v for %s", grant.DNSNames, grant.Lifetime, row.names, row.lifetime)
			}
		})
	}
}

// TestDecideRefuses: what is not proven is not signed, and what may become true is not denied.
func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	many := func(q *question) {
		for i := range maxServices {
			q.facts.Services[fmt.Sprintf("web-%d", i)] = Selector{"app": "web"}
		}
	}
	for name, row := range map[string]struct {
		change func(*question)
		reason string
		final  bool
	}{
		"no Service selects the Pod": {func(q *question) { delete(q.facts.Services, "web") }, ReasonNoService, false},
		"a label changed after the request": {func(q *question) { q.facts.Pod.Labels = map[string]string{"app": "else"} },
			ReasonNoService, false},
		"an empty selector":        {func(q *question) { q.facts.Services["web"] = Selector{} }, ReasonNoService, false},
		"a selector half met":      {func(q *question) { q.facts.Services["web"]["x"] = "y" }, ReasonNoService, false},
		"a Service by annotation":  {annotated(ServicesAnnotation, "other"), ReasonServiceNotSelecting, false},
		"an unknown Service":       {annotated(ServicesAnnotation, "web,missing"), ReasonServiceNotSelecting, false},
		"another namespace's name": {annotated(ServicesAnnotation, "web.bank"), ReasonAnnotations, true},
		"a wildcard":               {annotated(ServicesAnnotation, "*"), ReasonAnnotations, true},
		"an empty annotation":      {annotated(ServicesAnnotation, ""), ReasonAnnotations, true},
		"names by another annotation": {annotated("cert-manager.io/alt-names", "kubernetes.default.svc"), ReasonAnnotations,
			true},
		"too many names by annotation": {annotated(ServicesAnnotation, numbered(maxServices+1)), ReasonAnnotations, true},
		"too many Services":            {many, ReasonTooManyServices, false},
		"no Pod":                       {func(q *question) { q.facts.Pod = nil }, ReasonPodUnknown, false},
		"a Pod that the watch has not seen replaced": {func(q *question) { q.request.PodUID = "pod-2" }, ReasonPodUnknown, false},
		"a Pod of the same name created later": {func(q *question) {
			q.facts.Pod.UID, q.facts.Pod.Created = "pod-2", q.request.Created.Add(2*clockSkew)
		}, ReasonPodReplaced, true},
		"a Pod that has ended":        {func(q *question) { q.facts.Pod.Ended = true }, ReasonPodEnded, true},
		"another node":                {func(q *question) { q.request.NodeName = "node-b" }, ReasonOtherNode, false},
		"a Pod without a node":        {func(q *question) { q.facts.Pod.NodeName = "" }, ReasonOtherNode, false},
		"another ServiceAccount":      {func(q *question) { q.request.ServiceAccountName = "admin" }, ReasonServiceAccountUnknown, false},
		"a ServiceAccount made again": {func(q *question) { q.facts.ServiceAccountUID = "account-2" }, ReasonServiceAccountUnknown, false},
		"no ServiceAccount": {func(q *question) { q.facts.ServiceAccountUID, q.request.ServiceAccountUID = "", "x" },
			ReasonServiceAccountUnknown, false},
		"a namespace that is not allowed": {func(q *question) { q.policy.Namespaces = []string{"bank"} },
			ReasonNamespaceNotAllowed, false},
		"a ServiceAccount that is not allowed": {func(q *question) {
			q.policy.ServiceAccounts = []types.NamespacedName{{Namespace: "bank", Name: "web"}}
		}, ReasonServiceAccountNotAllowed, false},
		"a key that is not allowed": {func(q *question) { q.policy.KeyTypes = []string{"ED25519"} }, ReasonUnsupportedKeyType, true},
		"a short RSA key": {func(q *question) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				t.Fatal(err)
			}
			q.request.PKCS10 = pkcs10(t, key, x509.CertificateRequest{})
		}, ReasonUnsupportedKeyType, true},
		"no stub request": {func(q *question) { q.request.PKCS10 = nil }, ReasonRequestMalformed, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := ordinary(t)
			row.change(&q)
			grant, err := q.policy.Decide(&q.request, q.facts)
			refused := (*RefusalError)(nil)
			if !errors.As(err, &refused) {
				t.Fatalf("got %+v and %v, want a refusal", grant, err)
			}
			if refused.Reason != row.reason || refused.Final != row.final {
				t.Errorf("got %s, final %t (%v); want %s, final %t", refused.Reason, refused.Final, err, row.reason, row.final)
			}
			if len(refused.Message) > maxMessage || !strings.HasSuffix(refused.Message, ".") {
				t.Errorf("%q is no short sentence", refused.Message)
			}
		})
	}
}

func numbered(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("web-%d", i)
	}
	return strings.Join(names, ",")
}
