// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/hookstrap/hookstrap/internal/authority"
)

// megabyte is about what an object can have in all.
const megabyte = 1 << 20

// long is metadata of which nothing counts.
func long(name string) metav1.ObjectMeta {
	text := strings.Repeat("x", megabyte)
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "1", Labels: map[string]string{"a": text},
		Annotations: map[string]string{"a": text}, Finalizers: []string{text},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: text}}}
}

// podRequest is the PodCertificateRequest of [ordinary] as a client reads it.
func podRequest(t *testing.T, annotations map[string]any, conditions ...any) *unstructured.Unstructured {
	t.Helper()
	q := ordinary(t)
	spec := map[string]any{
		"signerName": q.policy.SignerName, "podName": q.request.PodName, "podUID": string(q.request.PodUID),
		"serviceAccountName": q.request.ServiceAccountName, "serviceAccountUID": string(q.request.ServiceAccountUID),
		"nodeName": q.request.NodeName, "maxExpirationSeconds": int64(86400),
		"stubPKCS10Request": base64.StdEncoding.EncodeToString(q.request.PKCS10), "proofOfPossession": strings.Repeat("x", megabyte),
	}
	if annotations != nil {
		spec["unverifiedUserAnnotations"] = annotations
	}
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	obj.SetGroupVersionKind(kind())
	obj.SetNamespace("shop")
	obj.SetName("request")
	obj.SetCreationTimestamp(metav1.NewTime(q.request.Created))
	obj.SetAnnotations(map[string]string{"a": strings.Repeat("x", megabyte)})
	if len(conditions) > 0 {
		obj.Object["status"] = map[string]any{"conditions": conditions, "certificateChain": strings.Repeat("x", megabyte)}
	}
	return obj
}

// TestTrimKeepsLittle of an object that others have made as large as the API server takes it, of each kind.
func TestTrimKeepsLittle(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", megabyte)
	csr := func(conditions ...certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequest {
		obj := &certificatesv1.CertificateSigningRequest{ObjectMeta: long("a"), Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: []byte(text), Groups: []string{text}, Extra: map[string]certificatesv1.ExtraValue{"a": {text}}}}
		for _, kind := range conditions {
			obj.Status.Conditions = append(obj.Status.Conditions, conditionOf(kind, "A", text))
		}
		return obj
	}
	signed := csr()
	signed.Status.Certificate = []byte(text)
	allowed := csr()
	allowed.ObjectMeta, allowed.Spec.Request = metav1.ObjectMeta{Name: "a"}, []byte(text[:authority.MaxRequestBytes])
	allowed.Spec.Groups, allowed.Spec.Extra = nil, nil
	for name, row := range map[string]struct {
		obj  runtime.Object
		most int // bytes of JSON
	}{
		"a Pod":            {&corev1.Pod{ObjectMeta: long("a"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: text}}}}, 512},
		"a ServiceAccount": {&corev1.ServiceAccount{ObjectMeta: long("a")}, 256},
		"a Service": {&corev1.Service{ObjectMeta: long("a"), Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": text}}}, 256},
		"a request that waits":    {csr(), 512},
		"one of allowed length":   {allowed, 512},
		"one that was denied":     {csr(certificatesv1.CertificateDenied), 512},
		"one that has failed":     {csr(certificatesv1.CertificateApproved, certificatesv1.CertificateFailed), 512},
		"one that was signed":     {signed, 512},
		"a Pod's that waits":      {podRequest(t, map[string]any{ServicesAnnotation: text, "a": text, "b": text}), 16 << 10},
		"a Pod's that was denied": {podRequest(t, nil, map[string]any{"type": "Denied", "message": text}), 512},
	} {
		trim(row.obj)
		kept, err := json.Marshal(row.obj)
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) > row.most {
			t.Errorf("%s: %d bytes are kept, want %d at most: %.300s", name, len(kept), row.most, kept)
		}
	}
}

// TestTrimKeepsAnswers: what was answered still is, and nothing else.
func TestTrimKeepsAnswers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		obj     certificatesv1.CertificateSigningRequestStatus
		pending bool
	}{
		{certificatesv1.CertificateSigningRequestStatus{}, true},
		{certificatesv1.CertificateSigningRequestStatus{Conditions: []certificatesv1.CertificateSigningRequestCondition{
			conditionOf(certificatesv1.CertificateApproved, "A", "")}}, true},
		{certificatesv1.CertificateSigningRequestStatus{Conditions: []certificatesv1.CertificateSigningRequestCondition{
			conditionOf(certificatesv1.CertificateDenied, "A", "")}}, false},
		{certificatesv1.CertificateSigningRequestStatus{Conditions: []certificatesv1.CertificateSigningRequestCondition{
			conditionOf(certificatesv1.CertificateApproved, "A", ""), conditionOf(certificatesv1.CertificateFailed, "A", "")}}, false},
		{certificatesv1.CertificateSigningRequestStatus{Certificate: []byte("x")}, false},
	} {
		obj := &certificatesv1.CertificateSigningRequest{ObjectMeta: long("a"), Status: row.obj}
		obj.Spec.SignerName = "example.com/authority"
		trim(obj)
		if _, pending := keepCSR("example.com/authority")(obj); pending != row.pending {
			t.Errorf("%+v: kept as pending %t, want %t", row.obj, pending, row.pending)
		}
	}
	for _, conditions := range [][]any{nil, {map[string]any{"type": "Issued"}}, {map[string]any{"type": "Denied"}}} {
		obj := podRequest(t, nil, conditions...)
		trim(obj)
		if _, pending, err := read(obj); err != nil || pending != (conditions == nil) {
			t.Errorf("%v: pending %t, %v", conditions, pending, err)
		}
	}
}

// TestTrimChangesNoDecision about a request that is no longer than it may be.
func TestTrimChangesNoDecision(t *testing.T) {
	t.Parallel()
	q := ordinary(t)
	for name, annotations := range map[string]map[string]any{
		"none": nil, "a Service": {ServicesAnnotation: "web"}, "no Service": {ServicesAnnotation: "none"},
		"too many": {ServicesAnnotation: strings.Repeat("web,", maxServices)},
		"another":  {ServicesAnnotation: "web", "a.example.com/x": "y", "b.example.com/x": "y"},
	} {
		whole := podRequest(t, annotations)
		cut := whole.DeepCopy()
		trim(cut)
		got, want := decision(t, q, cut), decision(t, q, whole)
		if got != want {
			t.Errorf("%s: %s, and of the whole request %s", name, got, want)
		}
	}
	q, whole := signingRequest(t, func(obj *certificatesv1.CertificateSigningRequest) {
		metadata := long("request")
		metadata.CreationTimestamp = obj.CreationTimestamp
		obj.ObjectMeta = metadata
	})
	cut := whole.CSR.DeepCopy()
	trim(cut)
	request, _ := readCSR(cut)
	grant, err := q.policy.Decide(request, q.facts)
	if err != nil || !slices.Equal(grant.DNSNames, []string{"web.shop.svc"}) {
		t.Errorf("granted are %+v, %v", grant, err)
	}
}

// decision is what becomes of a PodCertificateRequest, as a text.
func decision(t *testing.T, q question, obj *unstructured.Unstructured) string {
	t.Helper()
	request, pending, err := read(obj)
	if err != nil || !pending {
		t.Fatalf("pending %t, %v", pending, err)
	}
	grant, err := q.policy.Decide(request, q.facts)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(grant.DNSNames, grant.Lifetime)
}

// TestTooLongIsRefused, and says so: what was cut is not decided about as if it were all.
func TestTooLongIsRefused(t *testing.T) {
	t.Parallel()
	refusal := func(name string, err error, reason string, final bool) {
		refused := (*RefusalError)(nil)
		if !errors.As(err, &refused) || refused.Reason != reason || refused.Final != final {
			t.Errorf("%s: %v, want %s, final %t", name, err, reason, final)
		}
	}
	q := ordinary(t)
	obj := podRequest(t, map[string]any{ServicesAnnotation: strings.Repeat("web,", maxAnnotationBytes) + "other"})
	trim(obj)
	request, _, err := read(obj)
	if err != nil {
		t.Fatal(err)
	}
	_, err = q.policy.Decide(request, q.facts)
	refusal("an annotation", err, ReasonAnnotations, true)

	pod := podNamed("web-0", func(p *corev1.Pod) {
		for i := range 1000 {
			p.Labels[strconv.Itoa(i)] = strings.Repeat("x", 63)
		}
	})
	q = ordinary(t)
	q.facts.Pod.Labels = podOf(pod).Labels
	_, err = q.policy.Decide(&q.request, q.facts)
	refusal("labels", err, ReasonLabelsTooLong, false)

	q, whole := signingRequest(t, func(obj *certificatesv1.CertificateSigningRequest) {
		obj.Spec.Request = append(obj.Spec.Request, strings.Repeat("\n", megabyte)...)
	})
	trim(whole.CSR)
	request, _ = readCSR(whole.CSR)
	_, err = q.policy.Decide(request, q.facts)
	refusal("a request", err, "RequestMalformed", true)
}

// TestTrimmedWatch leaves of objects in events what it leaves of those in a list, and bookmarks as they are.
func TestTrimmedWatch(t *testing.T) {
	t.Parallel()
	source := watch.NewFakeWithOptions(watch.FakeOptions{ChannelSize: 2})
	events, err := trimmed(&cache.ListWatch{
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return source, nil },
	}).WatchWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	source.Add(&certificatesv1.CertificateSigningRequest{ObjectMeta: long("a")})
	source.Action(watch.Bookmark, &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{
		Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}})
	added := (<-events.ResultChan()).Object.(*certificatesv1.CertificateSigningRequest)
	if added.Name != "a" || added.Annotations != nil {
		t.Errorf("the object of an event is %.300s", fmt.Sprint(added))
	}
	bookmark := (<-events.ResultChan()).Object.(*certificatesv1.CertificateSigningRequest)
	if bookmark.Annotations[metav1.InitialEventsAnnotationKey] != "true" {
		t.Errorf("a bookmark became %v", bookmark)
	}
}

// TestListsComeInPages, whatever a reflector asks for, and of no page more is kept than what counts.
func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	const all = 2*page + 20
	source := &cache.ListWatch{ListWithContextFunc: func(_ context.Context, o metav1.ListOptions) (runtime.Object, error) {
		if o.ResourceVersion != "" || o.Limit == 0 || o.Limit > page {
			return nil, fmt.Errorf("version %q, limit %d: the API server may answer with all objects", o.ResourceVersion, o.Limit)
		}
		from, _ := strconv.Atoi(o.Continue)
		list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
		for i := from; i < min(from+int(o.Limit), all); i++ {
			list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: strconv.Itoa(i),
				Annotations: map[string]string{"a": "b"}}})
		}
		if end := from + len(list.Items); end < all {
			list.Continue = strconv.Itoa(end)
		}
		return list, nil
	}}
	got, err := trimmed(source).ListWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "0", Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	list := got.(*corev1.PodList)
	for _, pod := range list.Items {
		names[pod.Name] = true
		if pod.Annotations != nil {
			t.Fatalf("%v is kept of a Pod", pod.Annotations)
		}
	}
	if len(list.Items) != all || len(names) != all || list.ResourceVersion != "7" || list.Continue != "" {
		t.Errorf("%d items of %d names (%v), version %q, to be continued with %q; want %d", len(list.Items), len(names),
			slices.Sorted(maps.Keys(names)), list.ResourceVersion, list.Continue, all)
	}
}
