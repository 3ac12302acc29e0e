// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// RunAsNonRoot denies containers that may run as root. It has no parameters.
type RunAsNonRoot struct{}

func runAsNonRootDefinition() handler.Definition {
	return definePods("runAsNonRoot", handler.Doc{
		Summary: "Every container says runAsNonRoot: true, itself or by its Pod, and none asks for user 0.",
		Why: "Root in a container is root on the node as soon as anything else gives way. The field makes the kubelet look " +
			"at the image's user, and refuse to start the container as root.",
		Denied: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - name: app
    image: registry.example/app:1.2.3
`,
		Admitted: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  securityContext: {runAsNonRoot: true}
  containers:
  - name: app
    image: registry.example/app:1.2.3
`,
	}, no[RunAsNonRoot])
}

func (RunAsNonRoot) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		nonRoot, user := c.security().RunAsNonRoot, c.security().RunAsUser
		if nonRoot == nil {
			nonRoot = pod.security().RunAsNonRoot
		}
		if user == nil {
			user = pod.security().RunAsUser
		}
		if user != nil && *user == 0 {
			violations = append(violations, c.riskf(c.path.Child("securityContext", "runAsUser"),
				"runs as user 0, which is root; choose another user"))
		}
		if !isTrue(nonRoot) {
			violations = append(violations, c.riskf(c.path.Child("securityContext", "runAsNonRoot"),
				"may run as root; set runAsNonRoot: true here or in the Pod's securityContext"))
		}
	}
	return violations
}
