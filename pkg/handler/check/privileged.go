// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// privilegedCheck denies privileged containers. It has no parameters.
type privilegedCheck struct{}

func privilegedDefinition() handler.Definition {
	return definePods("privileged", handler.Doc{
		Summary: "No container is privileged, and none is a host process on Windows.",
		Why: "A privileged container has every device and all of root's power: it is root on the node, with nothing in " +
			"between.",
	}, no[privilegedCheck])
}

func (privilegedCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	if w := pod.security().WindowsOptions; w != nil && isTrue(w.HostProcess) {
		violations = append(violations, pod.riskf(pod.Path.Child("securityContext", "windowsOptions", "hostProcess"),
			"hostProcess: true runs the containers as processes of the node; remove it"))
	}
	for _, c := range heeded(ctx, containersOf(pod)) {
		if isTrue(c.security().Privileged) {
			violations = append(violations, c.riskf(c.path().Child("securityContext", "privileged"),
				"privileged: true makes it root on the node; remove it"))
		}
		if w := c.security().WindowsOptions; w != nil && isTrue(w.HostProcess) {
			violations = append(violations, c.riskf(c.path().Child("securityContext", "windowsOptions", "hostProcess"),
				"hostProcess: true makes it a process of the node; remove it"))
		}
	}
	return violations
}

func isTrue(b *bool) bool { return b != nil && *b }

func isFalse(b *bool) bool { return b != nil && !*b }
