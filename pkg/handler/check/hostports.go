// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// hostPortsCheck denies containers that take ports of their node.
type hostPortsCheck struct {
	// Allowed are the ranges of ports that may be taken. Without any, none may.
	Allowed []portRange `json:"allowed,omitempty"`
}

// portRange is a range of ports, both ends included.
type portRange struct {
	// From is the first port, from 1 to 65535.
	From int32 `json:"from"`
	// To is the last port; 0, or none, is the same as From.
	To int32 `json:"to,omitempty"`
}

func hostPortsDefinition() handler.Definition {
	return definePods("hostPorts", handler.Doc{
		Summary: "Containers take no ports of their node, or only allowed ones.",
		Why: "A port of the node is open to all clients of the node, whatever the network policies and Services say, " +
			"and keeps a second such Pod from the same node.",
	}, no[hostPortsCheck])
}

// Validate implements [handler.Validator].
func (p hostPortsCheck) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, r := range p.Allowed {
		at := path.Child("allowed").Index(i)
		if r.From < 1 || r.From > maxPort {
			errs = append(errs, field.Invalid(at.Child("from"), r.From, "must be a port, from 1 to 65535"))
		}
		if r.To != 0 && (r.To < r.From || r.To > maxPort) {
			errs = append(errs, field.Invalid(at.Child("to"), r.To, "must be a port, from the range's first to 65535"))
		}
	}
	return errs
}

const maxPort = 65535

func (p hostPortsCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		for i, port := range heeded(ctx, c.Ports) {
			if taken := hostPort(pod, port); taken != 0 && !p.allow(taken) {
				violations = append(violations, c.riskf(c.path().Child("ports").Index(i).Child("hostPort"),
					"takes port %d of the node; %s", taken, p.advice()))
			}
		}
	}
	return violations
}

// hostPort is the port of the node that a container's port takes, 0 for none. On the node's network all are its ports,
// which the API server writes down for Pods, but not for templates.
func hostPort(pod PodTemplate, port corev1.ContainerPort) int32 {
	if pod.Spec.HostNetwork {
		return cmp.Or(port.HostPort, port.ContainerPort)
	}
	return port.HostPort
}

func (p hostPortsCheck) allow(port int32) bool {
	return slices.ContainsFunc(p.Allowed, func(r portRange) bool { return r.From <= port && port <= r.last() })
}

func (r portRange) last() int32 { return cmp.Or(r.To, r.From) }

func (p hostPortsCheck) advice() string {
	if len(p.Allowed) == 0 {
		return "remove hostPort, and use a Service"
	}
	var ranges []string
	for _, r := range p.Allowed {
		text := fmt.Sprint(r.From)
		if r.last() != r.From {
			text += fmt.Sprintf("-%d", r.To)
		}
		ranges = append(ranges, text)
	}
	return allowedList(ranges)
}
