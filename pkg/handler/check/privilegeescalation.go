// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// PrivilegeEscalation denies containers whose processes may gain privileges. It has no parameters.
type PrivilegeEscalation struct{}

func privilegeEscalationDefinition() handler.Definition {
	return definePods("privilegeEscalation", handler.Doc{
		Summary: "Every container says allowPrivilegeEscalation: false.",
		Why: "Without it a process may become root through a program with the setuid bit, of which most images have " +
			"several. The default is to allow it, so that the field has to be there.",
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
  containers:
  - name: app
    image: registry.example/app:1.2.3
    securityContext: {allowPrivilegeEscalation: false}
`,
	}, no[PrivilegeEscalation])
}

func (PrivilegeEscalation) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	if pod.isWindows() {
		return nil
	}
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		if !isFalse(c.security().AllowPrivilegeEscalation) {
			violations = append(violations, c.riskf(c.path.Child("securityContext", "allowPrivilegeEscalation"),
				"its processes may gain privileges; set allowPrivilegeEscalation: false"))
		}
	}
	return violations
}
