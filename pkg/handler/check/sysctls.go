// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// sysctlsCheck denies Pods that set other parameters of the kernel than the allowed ones.
type sysctlsCheck struct {
	// Allowed are the names of sysctls that Pods may set; one that ends in * stands for all that begin so, as in
	// net.ipv4.*. The default are those that Kubernetes calls safe.
	Allowed []string `json:"allowed"`
}

func sysctlsDefinition() handler.Definition {
	return definePods("sysctls", handler.Doc{
		Summary: "Pods set allowed sysctls only.",
		Why: "Few parameters of the kernel are the Pod's own. The others change the node for all of its Pods, or let one " +
			"of them take its memory.",
	}, func() sysctlsCheck {
		return sysctlsCheck{Allowed: []string{
			"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
			"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
			"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem",
			"net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
		}}
	})
}

// Validate implements [handler.Validator].
func (p sysctlsCheck) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range p.Allowed {
		if strings.ContainsAny(strings.TrimSuffix(name, "*"), "* ") || name == "" || withDots(name) != name {
			errs = append(errs, field.Invalid(path.Child("allowed").Index(i), name,
				"must be the name of a sysctl with dots, such as net.core.somaxconn, or the beginning of one with * behind it"))
		}
	}
	return errs
}

func (p sysctlsCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	for i, sysctl := range heeded(ctx, pod.security().Sysctls) {
		if p.allow(sysctl.Name) {
			continue
		}
		v := handler.Violationf(pod.Path.Child("securityContext", "sysctls").Index(i).Child("name"), "sysctl %q; %s",
			brief(sysctl.Name), allowedList(p.Allowed))
		v.Identity = digest(sysctl.Name, sysctl.Value) // A worse value is another violation.
		violations = append(violations, v)
	}
	return violations
}

func (p sysctlsCheck) allow(name string) bool {
	name = withDots(name)
	return slices.ContainsFunc(p.Allowed, func(allowed string) bool {
		prefix, isPrefix := strings.CutSuffix(allowed, "*")
		return name == allowed || isPrefix && strings.HasPrefix(name, prefix)
	})
}

// withDots is the name of a sysctl with dots between its parts. With slashes between them it is the same one, and has a
// slash for each dot in a part.
func withDots(name string) string {
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '.' {
		return name
	}
	return strings.NewReplacer("/", ".", ".", "/").Replace(name)
}
