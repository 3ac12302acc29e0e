// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOwner(t *testing.T) {
	var v PodValidator
	for owner, good := range map[string]bool{"": false, "team-a": true} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"owner": owner}}}
		if _, err := v.ValidateCreate(t.Context(), pod); (err == nil) != good {
			t.Errorf("owner %q: %v", owner, err)
		}
	}
}
