// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodSpecOf(t *testing.T) {
	pod := podWith("x:1")
	pod.Labels = map[string]string{"app": "x"}
	for name, h := range holders(pod) {
		t.Run(name, func(t *testing.T) {
			got, ok := PodSpecOf(h.obj)
			if !ok {
				t.Fatal("no Pod found")
			}
			if got.Path.String() != h.path {
				t.Errorf("path %s, want %s", got.Path, h.path)
			}
			if diff := cmp.Diff(pod.Spec, *got.Spec); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(pod.Labels, got.Metadata.Labels); diff != "" {
				t.Error(diff)
			}
			decoded, ok, err := podOf(create(t, h.obj))
			if !ok || err != nil || decoded.Spec.Containers[0].Image != "x:1" || decoded.Path.String() != h.path {
				t.Errorf("from a request: got %v, %t, %v", decoded, ok, err)
			}
		})
	}
}

func TestPodSpecOfOthers(t *testing.T) {
	tests := map[string]any{
		"service":                 nil,
		"controller, no template": &corev1.ReplicationController{},
		"pod by value":            corev1.Pod{},
	}
	for name, obj := range tests {
		t.Run(name, func(t *testing.T) {
			if _, ok := PodSpecOf(obj); ok {
				t.Error("found a Pod")
			}
		})
	}
}

func TestPodOf(t *testing.T) {
	pod := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}
	jobV2 := metav1.GroupVersionKind{Group: "batch", Version: "v2", Kind: "Job"}
	tests := map[string]struct {
		kind metav1.GroupVersionKind
		raw  string
		ok   bool
		err  string
	}{
		"pod":               {kind: pod, raw: `{}`, ok: true},
		"service":           {kind: metav1.GroupVersionKind{Version: "v1", Kind: "Service"}, raw: `{}`},
		"somebody's job":    {kind: metav1.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Job"}, raw: `{}`},
		"job of the future": {kind: jobV2, raw: `{}`, err: "only v1"},
		"unreadable":        {kind: pod, raw: `{"spec":1}`, err: "cannot read object"},
		"absent":            {kind: pod, err: "no such object"},
		"no template":       {kind: metav1.GroupVersionKind{Version: "v1", Kind: "ReplicationController"}, raw: `{}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := create(t, &corev1.Pod{})
			req.Kind, req.Object.Raw = tt.kind, []byte(tt.raw)
			_, ok, err := podOf(req)
			if ok != tt.ok || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %t, %v; want %t, %q", ok, err, tt.ok, tt.err)
			}
		})
	}
}
