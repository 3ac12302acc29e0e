// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// privilegeEscalation denies containers whose processes may gain privileges. It has no parameters.
type privilegeEscalation struct{}

func privilegeEscalationDefinition() handler.Definition {
	return definePods("privilegeEscalation", handler.Doc{
		Summary: "Every container says allowPrivilegeEscalation: false.",
		Why: "Without it a process may become root through a program with the setuid bit, of which most images have " +
			"several. The default is to allow it, so that the field has to be there.",
	}, no[privilegeEscalation])
}

// keepsEscalation is what keeps the API server from accepting allowPrivilegeEscalation: false, or nothing.
func (c podContainer) keepsEscalation() string {
	s := c.security()
	switch {
	case isTrue(s.Privileged):
		return "privileged: true"
	case s.Capabilities != nil && slices.Contains(s.Capabilities.Add, "CAP_SYS_ADMIN"):
		return "CAP_SYS_ADMIN from capabilities.add"
	}
	return ""
}

func (privilegeEscalation) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	if pod.isWindows() {
		return nil
	}
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		if !isFalse(c.security().AllowPrivilegeEscalation) {
			v := c.riskf(c.path().Child("securityContext", "allowPrivilegeEscalation"),
				"its processes may gain privileges; set allowPrivilegeEscalation: false")
			if first := c.keepsEscalation(); first != "" {
				v = saying(v, c.message("its processes may gain privileges; remove "+first+", with which the API server "+
					"accepts no other value, and then set allowPrivilegeEscalation: false"))
			}
			violations = append(violations, saying(v, v.Message+pod.meantForWindows()))
		}
	}
	return violations
}
