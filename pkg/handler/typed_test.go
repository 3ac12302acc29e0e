// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	reviewV1 = metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}

	teamLabel = CheckFor("team-label", func(_ context.Context, _ *Request, pod *corev1.Pod) []Violation {
		return requireTeam(pod.Labels)
	})
	anyLabel = CheckFor("any-label", func(_ context.Context, _ *Request, obj *metav1.PartialObjectMetadata) []Violation {
		return requireTeam(obj.Labels)
	})
)

func requireTeam(labels map[string]string) []Violation {
	if labels["team"] != "" {
		return nil
	}
	return []Violation{{Field: "metadata.labels[team]", Message: "say which team owns this"}}
}

// widget is a custom resource, of which the check reads one field.
type widget struct {
	Spec struct {
		Size int `json:"size"`
	} `json:"spec"`
}

func TestTypedChecks(t *testing.T) {
	bigWidget := CheckForKind("widget-size", schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "Widget"},
		func(_ context.Context, _ *Request, w *widget) []Violation {
			if w.Spec.Size <= 3 {
				return nil
			}
			return []Violation{{Field: "spec.size", Message: "too big"}}
		})
	replicas := CheckFor("replicas", func(_ context.Context, _ *Request, d *appsv1.Deployment) []Violation {
		if d.Spec.Replicas != nil && *d.Spec.Replicas > 1 {
			return nil
		}
		return []Violation{{Field: "spec.replicas", Message: "run two"}}
	})
	pod, widgetV2 := kind("", "v1", "Pod"), kind("example.com", "v2", "Widget")
	tests := map[string]struct {
		check  Check
		kind   metav1.GroupVersionKind
		object string
		want   int
		err    string
	}{
		"violation":         {check: teamLabel, kind: pod, object: `{}`, want: 1},
		"no violation":      {check: teamLabel, kind: pod, object: `{"metadata":{"labels":{"team":"a"}}}`},
		"other kind":        {check: teamLabel, kind: kind("", "v1", "Service"), object: `{}`},
		"other group":       {check: teamLabel, kind: kind("example.com", "v1", "Pod"), object: `{}`},
		"other version":     {check: teamLabel, kind: kind("", "v2", "Pod"), object: `{}`, err: "only v1"},
		"wrong JSON":        {check: teamLabel, kind: pod, object: `{"spec":[]}`, err: "cannot read object"},
		"no object":         {check: teamLabel, kind: pod, err: "no such object"},
		"group of built-in": {check: replicas, kind: kind("apps", "v1", "Deployment"), object: `{}`, want: 1},
		"old API version":   {check: replicas, kind: kind("apps", "v1beta1", "Deployment"), object: `{}`, err: "only v1"},
		"future version":    {check: replicas, kind: kind("apps", "v3", "Deployment"), object: `{}`, err: "apiVersions"},
		"any kind":          {check: anyLabel, kind: kind("example.com", "v7", "Thing"), object: `{}`, want: 1},
		"custom":            {check: bigWidget, kind: widgetV2, object: `{"spec":{"size":4}}`, want: 1},
		"custom, fine":      {check: bigWidget, kind: widgetV2, object: `{"spec":{"size":3}}`},
		"custom, version":   {check: bigWidget, kind: kind("example.com", "v1", "Widget"), object: `{}`, err: `["v2"]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := admissionv1.AdmissionRequest{Kind: tt.kind}
			req.Object.Raw = []byte(tt.object)
			got, err := tt.check.Evaluate(t.Context(), NewRequest(req))
			if len(got) != tt.want {
				t.Errorf("got %v, want %d violations", got, tt.want)
			}
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func kind(group, version, name string) metav1.GroupVersionKind {
	return metav1.GroupVersionKind{Group: group, Version: version, Kind: name}
}

func TestCheckForPanicsOnUnknownTypes(t *testing.T) {
	tests := map[string]func(){
		"no API object": func() {
			CheckFor("x", func(context.Context, *Request, *widget) []Violation { return nil })
		},
		"not in the scheme": func() {
			CheckFor("x", func(context.Context, *Request, *metav1.PartialObjectMetadataList) []Violation { return nil })
		},
	}
	for name, construct := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, "use CheckForKind") {
					t.Errorf("got panic %q, want one that says what to use", got)
				}
			}()
			construct()
		})
	}
}
