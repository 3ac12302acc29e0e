// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestGuessResource(t *testing.T) {
	for kind, want := range map[string]string{
		"Rollout": "rollouts", "Canary": "canaries", "Gateway": "gateways", "Ingress": "ingresses", "Sandbox": "sandboxes",
		"Mesh": "meshes", "Branch": "branches", "Quartz": "quartzes", "Endpoints": "endpoints", "StorageClass": "storageclasses",
	} {
		if got := GuessResource(schema.GroupVersionKind{Kind: kind}).Resource; got != want {
			t.Errorf("%s: got %s, want %s", kind, got, want)
		}
	}
}
