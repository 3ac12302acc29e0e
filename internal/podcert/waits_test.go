// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/authority"
)

// transport answers every request of a client.
type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// answering is a client that gets one object for an answer to every request.
func answering(t *testing.T, obj runtime.Object) kubernetes.Interface {
	t.Helper()
	text, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(&rest.Config{Transport: transport(func(r *http.Request) *http.Response {
		if selector := r.URL.Query().Get("fieldSelector"); selector != "metadata.name=request" {
			t.Errorf("%s %s asks for %q, want one object", r.Method, r.URL.Path, selector)
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(string(text)))}
	})})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// signerOf knows what [ordinary] does, and has no CA.
func signerOf(t *testing.T, q question) *Signer {
	t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "https://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := authority.New(authority.Options{Client: client, Namespace: "shop", Service: "hook",
		Policy: authority.Policy{Requester: "a", DNSNames: []string{"hook.shop.svc"}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Policy: q.policy, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string, uid types.UID) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uid, Labels: map[string]string{OptInLabel: "true"}}
	}
	pod := &corev1.Pod{ObjectMeta: in("web-0", q.facts.Pod.UID),
		Spec: corev1.PodSpec{ServiceAccountName: "web", NodeName: q.facts.Pod.NodeName}}
	pod.CreationTimestamp, pod.Labels = metav1.NewTime(q.facts.Pod.Created), q.facts.Pod.Labels
	_ = s.cluster.pods.Add(pod)
	_ = s.cluster.serviceAccounts.Add(&corev1.ServiceAccount{ObjectMeta: in("web", q.facts.ServiceAccountUID)})
	for name, selector := range q.facts.Services {
		_ = s.cluster.services.Add(&corev1.Service{ObjectMeta: in(name, "1"), Spec: corev1.ServiceSpec{Selector: selector}})
	}
	return s
}

// TestWaitingRequestsOfAPodAreBounded: one of its tokens, and the right to make requests, is all that it takes to make
// any number of them.
func TestWaitingRequestsOfAPodAreBounded(t *testing.T) {
	t.Parallel()
	const most, made = 16, 40
	q, request := signingRequest(t, func(obj *certificatesv1.CertificateSigningRequest) {
		obj.Spec.Request = asking(t, "other.shop.svc")
	})
	s := signerOf(t, q)
	add := func(name string, change func(*certificatesv1.CertificateSigningRequest)) *Request {
		obj := request.CSR.DeepCopy()
		obj.Name, obj.UID = name, types.UID(name)
		change(obj)
		trim(obj)
		if err := s.csrs.Add(obj); err != nil {
			t.Fatal(err)
		}
		r, _ := s.csrs.get(types.NamespacedName{Name: name})
		return r
	}
	for i := range made {
		add(fmt.Sprint(i), func(*certificatesv1.CertificateSigningRequest) {})
	}
	denied := func(r *Request) string {
		answer, outcome, err := s.decide(r)
		if refused := (*RefusalError)(nil); err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if outcome != outcomeDenied {
			return ""
		}
		s.answered(r, outcome)
		return answer.Conditions[0].Reason
	}
	if reason := denied(add("good", func(o *certificatesv1.CertificateSigningRequest) {
		o.Spec.Request = asking(t, "web.shop.svc")
	})); reason != "" {
		t.Errorf("one that could be signed at once is denied for %s", reason)
	}
	s.csrs.forget(types.NamespacedName{Name: "good"})
	other := func(o *certificatesv1.CertificateSigningRequest) { o.Spec.Extra[extraPodUID] = []string{"pod-2"} }
	if reason := denied(add("other", other)); reason != "" {
		t.Errorf("the request of another Pod is denied for %s", reason)
	}
	for range 2 {
		for i := range made {
			if r, pending := s.csrs.get(types.NamespacedName{Name: fmt.Sprint(i)}); pending {
				if reason := denied(r); reason != "" && reason != "TooManyRequests" {
					t.Errorf("a request is denied for %s", reason)
				}
			}
		}
		if n := s.csrs.len() - 1; n != most {
			t.Errorf("%d requests of the Pod wait, want %d", n, most)
		}
	}
	if err := s.csrs.Replace(nil, "1"); err != nil || s.csrs.inGroup("pod-1") != 0 || len(s.csrs.counts) != 0 {
		t.Errorf("counted are %v of no requests, %v", s.csrs.counts, err)
	}
}

// TestWhole reads what is not kept of a long request, and signs for it as if it had been kept.
func TestWhole(t *testing.T) {
	t.Parallel()
	q, long := signingRequest(t, func(obj *certificatesv1.CertificateSigningRequest) {
		obj.UID, obj.Spec.Request = "1", append(asking(t, "web.shop.svc"), strings.Repeat("\n", keptRequestBytes)...)
	})
	kept := long.CSR.DeepCopy()
	trim(kept)
	request, pending := readCSR(kept)
	if len(kept.Spec.Request) > 0 || !pending {
		t.Fatalf("%d bytes are kept of a long request, pending %t", len(kept.Spec.Request), pending)
	}
	signed := long.CSR.DeepCopy()
	signed.Status.Certificate = []byte("x")
	another := long.CSR.DeepCopy()
	another.UID = "2"
	for name, row := range map[string]struct {
		there []certificatesv1.CertificateSigningRequest
		gone  bool
	}{
		"it is there": {there: []certificatesv1.CertificateSigningRequest{*long.CSR}},
		"it is gone":  {gone: true},
		"signed":      {there: []certificatesv1.CertificateSigningRequest{*signed}, gone: true},
		"made again":  {there: []certificatesv1.CertificateSigningRequest{*another}, gone: true},
	} {
		client := answering(t, &certificatesv1.CertificateSigningRequestList{TypeMeta: metav1.TypeMeta{
			APIVersion: "certificates.k8s.io/v1", Kind: "CertificateSigningRequestList"}, Items: row.there})
		whole, err := whole(t.Context(), client, request)
		if apierrors.IsNotFound(err) != row.gone || whole == nil {
			t.Errorf("%s: %+v, %v, want gone %t", name, whole, err, row.gone)
		}
		if row.gone {
			continue
		}
		if grant, err := q.policy.Decide(whole, q.facts); err != nil || len(grant.DNSNames) != 1 {
			t.Errorf("%s: granted are %+v, %v", name, grant, err)
		}
	}
}

// TestWaitsAreToldOnce, also when more requests wait than are remembered.
func TestWaitsAreToldOnce(t *testing.T) {
	t.Parallel()
	s := signerOf(t, ordinary(t))
	request := func(i int, uid types.UID) *Request {
		return &Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: fmt.Sprint(i)}, UID: uid}
	}
	say := func(uid types.UID) (said int) {
		for i := range mostSaid + 100 {
			if s.sayings.isNews(request(i, uid), ReasonNoService) {
				said++
			}
		}
		return said
	}
	if first, again := say("1"), say("1"); first != mostSaid || again != 0 {
		t.Errorf("%d were told of at first and %d again, want %d and none", first, again, mostSaid)
	}
	if !s.sayings.isNews(request(0, "1"), ReasonPodUnknown) || !s.sayings.isNews(request(1, "2"), ReasonNoService) {
		t.Error("another reason, or that of another request with the name, was not told")
	}
	s.answered(request(0, "1"), outcomeDenied)
	if !s.sayings.isNews(request(mostSaid, "1"), ReasonNoService) {
		t.Error("an answer has made no room")
	}
	s.queue.ShutDown()
}
