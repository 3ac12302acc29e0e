// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// seccompCheck denies containers whose system calls are not filtered.
type seccompCheck struct {
	// AllowedTypes are the types of profiles that containers may have: RuntimeDefault, Localhost or Unconfined.
	AllowedTypes []string `json:"allowedTypes"`
	// LocalhostProfiles are the files of profiles that may be named with type Localhost, as in profiles/*.json, where *
	// is any text without a slash. Without any, all may.
	LocalhostProfiles []string `json:"localhostProfiles,omitempty"`
}

func seccompDefinition() handler.Definition {
	return definePods("seccomp", handler.Doc{
		Summary: "Every container has a seccomp profile of an allowed type, its own or its Pod's.",
		Why: "The kernel has hundreds of system calls, and nearly all ways out of a container lead through ones that " +
			"programs never use. The runtime's own profile forbids those; without a profile none is in force.",
	}, func() seccompCheck { return seccompCheck{AllowedTypes: []string{"RuntimeDefault", "Localhost"}} })
}

// Values implements [handler.Enumerator].
func (seccompCheck) Values() map[string][]string {
	return map[string][]string{"allowedTypes": {"RuntimeDefault", "Localhost", "Unconfined"}}
}

// Validate implements [handler.Validator].
func (p seccompCheck) Validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, t := range p.AllowedTypes {
		errs = append(errs, oneOf(at.Child("allowedTypes").Index(i), t, p.Values()["allowedTypes"])...)
	}
	for i, pattern := range p.LocalhostProfiles {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			errs = append(errs, field.Invalid(at.Child("localhostProfiles").Index(i), pattern,
				"must be the name of a file, with * for any text without a slash"))
		}
	}
	return errs
}

func (p seccompCheck) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	if pod.isWindows() {
		return nil
	}
	var violations []handler.Violation
	inherited := pod.security().SeccompProfile
	if inherited != nil && !p.allow(inherited) {
		inherits := func(c *podContainer) bool { return c.security().SeccompProfile == nil }
		violations = append(violations, riskOf(imageParts(pod, inherits), pod.Path.Child("securityContext", "seccompProfile"),
			"the Pod has %s; %s", describe(inherited), p.advice(inherited)))
	}
	for _, c := range heeded(ctx, containersOf(pod)) {
		at := c.path().Child("securityContext", "seccompProfile")
		switch own := c.security().SeccompProfile; {
		case own != nil && !p.allow(own):
			violations = append(violations, c.riskf(at, "has %s; %s", describe(own), p.advice(own)))
		case own == nil && inherited == nil && !slices.Contains(p.AllowedTypes, string(corev1.SeccompProfileTypeUnconfined)):
			v := c.riskf(at, "has no seccomp profile; %s", p.suggestion())
			violations = append(violations, saying(v, v.Message+pod.meantForWindows()))
		}
	}
	return violations
}

func (p seccompCheck) allow(profile *corev1.SeccompProfile) bool {
	if !slices.Contains(p.AllowedTypes, string(profile.Type)) {
		return false
	}
	if profile.Type != corev1.SeccompProfileTypeLocalhost || len(p.LocalhostProfiles) == 0 {
		return true
	}
	return profile.LocalhostProfile != nil && slices.ContainsFunc(p.LocalhostProfiles, func(pattern string) bool {
		ok, err := path.Match(pattern, *profile.LocalhostProfile)
		return err == nil && ok
	})
}

func (p seccompCheck) advice(profile *corev1.SeccompProfile) string {
	if slices.Contains(p.AllowedTypes, string(profile.Type)) {
		return allowedList(p.LocalhostProfiles)
	}
	return allowedList(p.AllowedTypes)
}

// suggestion says what to write where there is nothing: the runtime's own profile, if it is allowed.
func (p seccompCheck) suggestion() string {
	if len(p.AllowedTypes) == 0 {
		return allowedList(nil)
	}
	best := p.AllowedTypes[0]
	if usual := string(corev1.SeccompProfileTypeRuntimeDefault); slices.Contains(p.AllowedTypes, usual) {
		best = usual
	}
	return fmt.Sprintf("set seccompProfile.type to %q here or in the Pod's securityContext", best)
}

func describe(profile *corev1.SeccompProfile) string {
	if profile.LocalhostProfile != nil {
		return "seccomp profile " + string(profile.Type) + " " + *profile.LocalhostProfile
	}
	return "seccomp profile " + string(profile.Type)
}
