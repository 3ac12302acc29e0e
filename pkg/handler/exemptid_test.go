// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// What a node takes for the ID of an image that it has is in no place, and so is not exempt with all that is there.
func TestIDsAreNotExempt(t *testing.T) {
	h := newHandler(t, Entry{
		Check:  says("no", Violation{Field: "spec.containers[0]", Message: "no"}),
		Exempt: Exemptions{Images: []string{"docker.io/*", "docker.io/library/*"}},
	})
	digits := strings.Repeat("a1", 32)
	for image, want := range map[string]bool{
		digits: false, "sha256:" + digits: false, "a1": false, "docker.io/library/" + digits: true, digits + ":1": true,
	} {
		pod := webPod()
		pod.Spec = corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: image}}}
		if got := ask(t.Context(), t, h, createPod(t, pod)); got.Allowed != want {
			t.Errorf("%s: exempt: %t", image, got.Allowed)
		}
	}
}
