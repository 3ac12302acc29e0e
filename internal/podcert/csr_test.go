// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// signingRequest is that of the Pod of [ordinary], for the Service web, which has opted in.
func signingRequest(t *testing.T, alter func(*certificatesv1.CertificateSigningRequest)) (question, *Request) {
	t.Helper()
	q := ordinary(t)
	q.facts.OptedIn = map[string]bool{"web": true}
	obj := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "request", CreationTimestamp: metav1.NewTime(q.request.Created)},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			SignerName: q.policy.SignerName, Username: "system:serviceaccount:shop:web", UID: "account-1",
			Usages:  []certificatesv1.KeyUsage{certificatesv1.UsageServerAuth, certificatesv1.UsageDigitalSignature},
			Request: asking(t, "web.shop.svc"),
			Extra:   map[string]certificatesv1.ExtraValue{extraPodName: {"web-0"}, extraPodUID: {"pod-1"}},
		},
	}
	alter(obj)
	request, pending := readCSR(obj)
	if !pending {
		t.Fatal("it is not pending")
	}
	return q, request
}

func asking(t *testing.T, names ...string) []byte {
	t.Helper()
	der := pkcs10(t, ecdsaKey(t, elliptic.P256()), x509.CertificateRequest{DNSNames: names})
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestDecideGrantsASigningRequestWhatItAsksFor(t *testing.T) {
	t.Parallel()
	q, request := signingRequest(t, func(obj *certificatesv1.CertificateSigningRequest) {
		seconds := int32(7200)
		obj.Spec.ExpirationSeconds, obj.Spec.Request = &seconds, asking(t, "web.shop.svc.cluster.local", "web.shop.svc")
	})
	grant, err := q.policy.Decide(request, q.facts)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(grant.DNSNames, webNames("cluster.local", "web")) || grant.Lifetime != 2*time.Hour || !grant.WithCA {
		t.Errorf("granted are %+v", grant)
	}
}

type refusedRow struct {
	alter  func(*certificatesv1.CertificateSigningRequest)
	facts  func(*Facts)
	reason string
	final  bool
}

func TestDecideRefusesSigningRequests(t *testing.T) {
	t.Parallel()
	type object = certificatesv1.CertificateSigningRequest
	asks := func(names ...string) func(*object) {
		return func(obj *object) { obj.Spec.Request = asking(t, names...) }
	}
	final := func(reason string, alter func(*object)) refusedRow {
		return refusedRow{alter: alter, reason: reason, final: true}
	}
	for name, row := range map[string]refusedRow{
		"a user":             final(ReasonNoPod, func(o *object) { o.Spec.Username = "shop:web" }),
		"no Pod":             final(ReasonNoPod, func(o *object) { o.Spec.Extra = nil }),
		"two Pods":           final(ReasonNoPod, func(o *object) { o.Spec.Extra[extraPodName] = []string{"web-0", "web-1"} }),
		"another namespace":  final(ReasonOtherNamespace, asks("web.shop.svc", "web.bank.svc")),
		"a short name":       final(ReasonOtherNamespace, asks("web.shop")),
		"a deeper name":      final(ReasonOtherNamespace, asks("a.web.shop.svc")),
		"another case":       final(ReasonOtherNamespace, asks("WEB.shop.svc")),
		"garbage":            final("SANsMissing", func(o *object) { o.Spec.Request = []byte("garbage") }),
		"the wrong Service":  {alter: asks("other.shop.svc"), reason: ReasonServiceNotSelecting},
		"no label":           {facts: func(f *Facts) { f.OptedIn = nil }, reason: ReasonServiceNotOptedIn},
		"another Pod":        {facts: func(f *Facts) { f.Pod.UID = "pod-2" }, reason: ReasonPodUnknown},
		"another account":    {facts: func(f *Facts) { f.ServiceAccountUID = "account-2" }, reason: ReasonServiceAccountUnknown},
		"a client":           final("UsagesNotAllowed", func(o *object) { o.Spec.Usages = append(o.Spec.Usages, certificatesv1.UsageClientAuth) }),
		"a second PEM block": final("RequestMalformed", func(o *object) { o.Spec.Request = append(o.Spec.Request, o.Spec.Request...) }),
		"a Pod of its own":   final(ReasonNoPod, func(o *object) { o.Spec.Username = "system:serviceaccount:shop:" }),
		"no names":           final("SANsMissing", asks()),
	} {
		if row.alter == nil {
			row.alter = func(*object) {}
		}
		q, request := signingRequest(t, row.alter)
		if row.facts != nil {
			row.facts(&q.facts)
		}
		_, err := q.policy.Decide(request, q.facts)
		refused := (*RefusalError)(nil)
		if !errors.As(err, &refused) || refused.Reason != row.reason || refused.Final != row.final {
			t.Errorf("%s: %v, want %s, final %t", name, err, row.reason, row.final)
		}
	}
}
