// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// ownedPod is a Pod of a ReplicaSet of that name.
func ownedPod(name string) *corev1.Pod {
	pod := webPod()
	pod.UID = "pod"
	pod.OwnerReferences = []metav1.OwnerReference{
		{APIVersion: "v1", Kind: "ConfigMap", Name: "no-controller", UID: "other"},
		{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name, UID: "owner", Controller: ptr.To(true)},
	}
	return pod
}

func TestNoticed(t *testing.T) {
	single := webPod()
	single.UID = "pod"
	controller := corev1.ObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: "shop", Name: "web-1", UID: "owner"}
	itself := corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web", UID: "pod"}
	told := func(operation string, regarding corev1.ObjectReference, denied bool) []Noticed {
		what := map[bool]string{true: " of Pod is denied: loud: spec.a: is bad", false: " of Pod is noted: loud: spec.a: is bad"}
		return []Noticed{{regarding, denied, operation + what[denied]}}
	}
	bad := checkFunc{"loud", func(_ context.Context, req *Request) ([]Violation, error) {
		metadata, err := Metadata(req)
		if err != nil {
			return nil, err
		}
		if metadata.Labels["bad"] == "" {
			return nil, nil
		}
		return []Violation{{Field: "spec.a", Message: "is bad"}}, nil
	}}
	for title, tt := range map[string]struct {
		pod  *corev1.Pod
		mode Mode
		edit func(*admissionv1.AdmissionRequest)
		want []Noticed
	}{
		"a Pod of a controller": {pod: ownedPod("web-1"), want: told("CREATE", controller, true)},
		"found, not denied":     {pod: ownedPod("web-1"), mode: Audit, want: told("CREATE", controller, false)},
		"a warning":             {pod: ownedPod("web-1"), mode: Warn},
		"what is not created":   {pod: single},
		"what is created":       {pod: single, mode: Audit, want: told("CREATE", itself, false)},
		"an update": {pod: single, want: told("UPDATE", itself, true), edit: func(r *admissionv1.AdmissionRequest) {
			r.Operation, r.OldObject = admissionv1.Update, raw(t, func() *corev1.Pod { p := webPod(); p.UID = "pod"; return p }())
		}},
		"an update by the owner before it": {pod: single, want: told("UPDATE", controller, true), edit: func(r *admissionv1.AdmissionRequest) {
			r.Operation, r.OldObject = admissionv1.Update, raw(t, ownedPod("web-1"))
		}},
		"a dry run":         {pod: ownedPod("web-1"), edit: func(r *admissionv1.AdmissionRequest) { r.DryRun = ptr.To(true) }},
		"not a dry run":     {pod: ownedPod("web-1"), edit: func(r *admissionv1.AdmissionRequest) { r.DryRun = ptr.To(false) }, want: told("CREATE", controller, true)},
		"no namespace":      {pod: ownedPod("web-1"), edit: func(r *admissionv1.AdmissionRequest) { r.Namespace = "" }},
		"a Namespace":       {pod: ownedPod("web-1"), edit: func(r *admissionv1.AdmissionRequest) { r.Resource.Resource = "namespaces" }},
		"an event":          {pod: ownedPod("web-1"), edit: func(r *admissionv1.AdmissionRequest) { r.Resource.Resource = "events" }},
		"a subresource":     {pod: ownedPod("web-1"), edit: func(r *admissionv1.AdmissionRequest) { r.SubResource = "resize" }},
		"a connection":      {pod: ownedPod("web-1"), edit: func(r *admissionv1.AdmissionRequest) { r.Operation = admissionv1.Connect }},
		"an impossible one": {pod: ownedPod("web/1")},
		"a long one":        {pod: ownedPod(strings.Repeat("a", 300))},
	} {
		t.Run(title, func(t *testing.T) {
			var got []Noticed
			h, err := New(Options{
				Entries:   []Entry{{Check: bad, Mode: tt.mode}},
				OnNoticed: func(n Noticed) { got = append(got, n) },
			})
			if err != nil {
				t.Fatal(err)
			}
			pod := tt.pod.DeepCopy()
			pod.Labels = map[string]string{"bad": "true"} // The old object of an update is not.
			req := createPod(t, pod)
			if tt.edit != nil {
				tt.edit(&req)
			}
			ask(t.Context(), t, h, req)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a tenant has denied is noticed as often as it is logged, and in as few words.
func TestNoticedIsBounded(t *testing.T) {
	n := 0
	h, err := New(Options{
		Entries: []Entry{{Check: says("loud", Violation{Message: strings.Repeat("x\n", 5000)})}},
		OnNoticed: func(notice Noticed) {
			n++
			if len(notice.Message) > 1000 || strings.Contains(notice.Message, "\n") {
				t.Errorf("%d bytes: %.100q", len(notice.Message), notice.Message)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * linesOfNamespace {
		ask(t.Context(), t, h, createPod(t, ownedPod("web-1")))
	}
	if n != linesOfNamespace {
		t.Errorf("noticed %d times, want %d", n, linesOfNamespace)
	}
}
