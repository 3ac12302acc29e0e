// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What is looked at is what the requests are about that Evaluate and Mutate are given: see selectsUsual and selectsWhole.
func TestLooksAt(t *testing.T) {
	pod, widget := corev1.SchemeGroupVersion.WithKind("Pod"), schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	for name, tt := range map[string]struct {
		of   any
		want []Look
	}{
		"a check of Pods": {CheckFor("x", func(context.Context, *Request, *corev1.Pod) []Violation { return nil }),
			[]Look{{Kind: pod, SubResources: []string{"ephemeralcontainers", "resize"}}}},
		"a mutation of Pods": {MutateFor("x", func(context.Context, *Request, *corev1.Pod) error { return nil }), []Look{{Kind: pod}}},
		"a custom resource": {CheckForKind("x", widget, func(context.Context, *Request, *struct{}) []Violation { return nil }),
			[]Look{{Kind: widget}}},
		"the metadata of all": {CheckFor("x", func(context.Context, *Request, *metav1.PartialObjectMetadata) []Violation { return nil }), nil},
	} {
		if diff := cmp.Diff(tt.want, tt.of.(Looker).LooksAt()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
