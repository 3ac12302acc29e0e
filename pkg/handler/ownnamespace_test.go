// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reviews of the server's own namespace are noticed, and judged as any other.
func TestOwnNamespaceIsNoticed(t *testing.T) {
	for namespace, want := range map[string][]string{"shop": {"pods", "pods"}, "other": nil, "": nil} {
		t.Run(namespace, func(t *testing.T) {
			var noticed []string
			h := newHandlerOf(t, Options{Entries: []Entry{{Check: teamLabel}}})
			h.NoticeNamespace(namespace, func(_ context.Context, resource string) { noticed = append(noticed, resource) })
			labeled := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: "web", Namespace: "shop", Labels: map[string]string{"team": "web"}}}
			if got := ask(t.Context(), t, h, createPod(t, webPod())); got.Allowed {
				t.Error("a Pod without the label was allowed")
			}
			if got := ask(t.Context(), t, h, createPod(t, labeled)); !got.Allowed {
				t.Errorf("a Pod with the label was denied: %v", got.Result)
			}
			if !slices.Equal(noticed, want) {
				t.Errorf("noticed %q, want %q", noticed, want)
			}
		})
	}
}
