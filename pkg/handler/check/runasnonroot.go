// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// runAsNonRootCheck denies containers that may run as root.
type runAsNonRootCheck struct {
	// AcceptRunAsUser accepts a container whose runAsUser, or its Pod's, is another user than 0, in place of
	// runAsNonRoot: true.
	AcceptRunAsUser bool `json:"acceptRunAsUser,omitempty"`
}

func runAsNonRootDefinition() handler.Definition {
	return definePods("runAsNonRoot", handler.Doc{
		Summary: "Every container says runAsNonRoot: true, itself or by its Pod, and none asks for user 0.",
		Why: "Root in a container is root on the node as soon as anything else gives way. The field makes the kubelet look " +
			"at the image's user, and refuse to start the container as root.",
	}, no[runAsNonRootCheck])
}

func (p runAsNonRootCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	violations := p.ofPod(pod)
	for _, c := range heeded(ctx, containersOf(pod)) {
		if user := c.security().RunAsUser; user != nil && *user == 0 {
			violations = append(violations, c.riskf(c.path().Child("securityContext", "runAsUser"),
				"runs as user 0, which is root; choose another user"))
		}
		nonRoot := c.security().RunAsNonRoot
		if nonRoot == nil {
			nonRoot = pod.security().RunAsNonRoot
		}
		if isTrue(nonRoot) || p.accepts(pod, &c) || c.security().RunAsNonRoot == nil && nonRoot != nil {
			continue // In the last case the Pod says that it may, which is reported there.
		}
		v := c.riskf(c.path().Child("securityContext", "runAsNonRoot"),
			"may run as root; set runAsNonRoot: true here or in the Pod's securityContext")
		if user := userOf(pod, &c); user != nil && *user != 0 {
			v = saying(v, c.message(fmt.Sprintf("has runAsUser: %d, but not runAsNonRoot: true; set it here or in the Pod's "+
				"securityContext", *user)))
		}
		violations = append(violations, v)
	}
	return violations
}

// ofPod reports once what containers inherit that say nothing themselves.
func (p runAsNonRootCheck) ofPod(pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	report := func(name, text string, inherits func(*podContainer) bool) {
		if parts := imageParts(pod, inherits); len(parts) > 0 {
			violations = append(violations, riskOf(parts, pod.Path.Child("securityContext", name), "%s", text))
		}
	}
	if user := pod.security().RunAsUser; user != nil && *user == 0 {
		report("runAsUser", "runAsUser: 0 of the Pod is root; choose another user",
			func(c *podContainer) bool { return c.security().RunAsUser == nil })
	}
	if isFalse(pod.security().RunAsNonRoot) {
		report("runAsNonRoot", "runAsNonRoot: false of the Pod lets its containers run as root; set it to true",
			func(c *podContainer) bool { return c.security().RunAsNonRoot == nil && !p.accepts(pod, c) })
	}
	return violations
}

// accepts says whether the container's user is enough.
func (p runAsNonRootCheck) accepts(pod PodTemplate, c *podContainer) bool {
	user := userOf(pod, c)
	return p.AcceptRunAsUser && user != nil && *user != 0
}

// userOf is the user that a container has by number, its own or its Pod's, or nil.
func userOf(pod PodTemplate, c *podContainer) *int64 {
	if own := c.security().RunAsUser; own != nil {
		return own
	}
	return pod.security().RunAsUser
}
