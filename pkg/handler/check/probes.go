// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// probesCheck denies long-running containers without probes.
type probesCheck struct {
	// Readiness wants a readinessProbe.
	Readiness bool `json:"readiness"`
	// Liveness wants a livenessProbe.
	Liveness bool `json:"liveness"`
	// Startup wants a startupProbe.
	Startup bool `json:"startup,omitempty"`
}

func probesDefinition() handler.Definition {
	return definePods("probes", handler.Doc{
		Summary: "Containers that are meant to run permanently have probes.",
		Why: "Without a readiness probe a Pod gets traffic before it can answer, and a rollout replaces what works by what " +
			"does not. Init containers need none, unless they are sidecars, and neither do Pods that end, as those of Jobs do.",
	}, func() probesCheck { return probesCheck{Readiness: true, Liveness: true} })
}

// violations looks at the restart policy to tell Pods that run indefinitely: Jobs may not have Always, and Deployments
// and the like may have nothing else.
func (p probesCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	if policy := pod.Spec.RestartPolicy; policy != "" && policy != corev1.RestartPolicyAlways {
		return nil
	}
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		if !runsForever(c) {
			continue
		}
		for _, probe := range []struct {
			wanted bool
			is     *corev1.Probe
			field  string
		}{
			{p.Readiness, c.ReadinessProbe, "readinessProbe"},
			{p.Liveness, c.LivenessProbe, "livenessProbe"},
			{p.Startup, c.StartupProbe, "startupProbe"},
		} {
			if probe.wanted && probe.is == nil {
				violations = append(violations, c.faultf(c.path().Child(probe.field), "has no %s; add one", probe.field))
			}
		}
	}
	return violations
}

// runsForever says whether a container of a Pod that runs indefinitely does so, too: as a sidecar among the init
// containers does, which has a restart policy of its own.
func runsForever(c podContainer) bool {
	isSidecar := c.sort == initial && c.RestartPolicy != nil &&
		*c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	return c.sort == "container" || isSidecar
}
