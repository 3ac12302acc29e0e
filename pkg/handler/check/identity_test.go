// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// A review is held in memory with all its violations; what they have in common must not be there once for each.
func TestIdentitiesAreShort(t *testing.T) {
	var volumes, capabilities, resources strings.Builder
	for i := range 20 {
		fmt.Fprintf(&volumes, `{name: v%d, hostPath: {path: /e}},`, i)
		fmt.Fprintf(&capabilities, `C%d,`, i)
		fmt.Fprintf(&resources, `"a%d*",`, i)
	}
	long := strings.Repeat("a", 10_000)
	pod := podSpec(`{hostPID: true, volumes: [` + volumes.String() + `], containers: [{name: a, image: ` + long +
		`, securityContext: {privileged: true, capabilities: {add: [` + capabilities.String() + `]}}}]}`)
	objects := map[string]string{
		"hostPaths": pod, "podSecurity": pod, "capabilities": pod, "hostNamespaces": pod, "privileged": pod,
		"rbacWildcards": `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r}, rules: [{apiGroups: [` +
			long + `], resources: [` + resources.String() + `], verbs: [get]}]}`,
	}
	for name, object := range objects {
		got, err := built(t, definition(t, name), "").Evaluate(t.Context(), requestOf(t, admissionv1.Create, object))
		if err != nil || len(got) == 0 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		for _, v := range got {
			if len(v.Identity) > 1000 {
				t.Errorf("%s: the identity of %s has %d bytes", name, v.Field, len(v.Identity))
			}
		}
	}
}

func TestOrderOfContainersDoesNotMatter(t *testing.T) {
	deployment := func(containers string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {spec: {` +
			`hostNetwork: true, containers: [` + containers + `]}}}}`
	}
	for _, name := range []string{"hostNamespaces", "podSecurity", "serviceAccountToken"} {
		testUpdate(t, name, "", deployment(`{name: a, image: x}, {name: b, image: z}`),
			deployment(`{name: b, image: z}, {name: a, image: x}`), true)
		testUpdate(t, name, "", deployment(`{name: a, image: x}, {name: b, image: z}`),
			deployment(`{name: a, image: z}, {name: b, image: x}`), false)
	}
}
