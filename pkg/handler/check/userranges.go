// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// userRanges denies containers that run as other users or groups than those in ranges. What has no ranges is not looked
// at. Windows has no such numbers.
type userRanges struct {
	// RunAsUser are the users that containers may run as.
	RunAsUser []idRange `json:"runAsUser,omitempty"`
	// RunAsGroup are the primary groups that containers may run as.
	RunAsGroup []idRange `json:"runAsGroup,omitempty"`
	// FSGroup are the groups that volumes may belong to.
	FSGroup []idRange `json:"fsGroup,omitempty"`
	// SupplementalGroups are the other groups that Pods may have.
	SupplementalGroups []idRange `json:"supplementalGroups,omitempty"`
	// AllowUnset admits containers that say neither runAsUser nor runAsGroup, and run as what their image says: any user.
	AllowUnset bool `json:"allowUnset,omitempty"`
}

// idRange is a range of users or groups.
type idRange struct {
	// Min is the first number.
	Min int64 `json:"min"`
	// Max is the last number.
	Max int64 `json:"max"`
}

func userRangesDefinition() handler.Definition {
	return definePods("userRanges", handler.Doc{
		Summary: "Containers run as users and groups of allowed ranges.",
		Why: "On a shared volume, and on the node after an escape, users are numbers: two tenants with the same number are " +
			"one user there. A range for each keeps them apart.",
	}, no[userRanges])
}

// Validate implements [handler.Validator].
func (p userRanges) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	n := 0
	for _, list := range []struct {
		name   string
		ranges []idRange
	}{
		{"runAsUser", p.RunAsUser}, {"runAsGroup", p.RunAsGroup}, {"fsGroup", p.FSGroup},
		{"supplementalGroups", p.SupplementalGroups},
	} {
		n += len(list.ranges)
		for i, r := range list.ranges {
			if r.Min < 0 || r.Max < r.Min {
				errs = append(errs, field.Invalid(path.Child(list.name).Index(i), r.String(),
					"must be 0 or more, and max at least min"))
			}
		}
	}
	if n == 0 {
		errs = append(errs, field.Required(path.Child("runAsUser"), "give a range of users or groups, or turn the check off"))
	}
	return errs
}

// String is the range as messages have it.
func (r idRange) String() string { return fmt.Sprintf("%d-%d", r.Min, r.Max) }

func (p userRanges) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	if pod.isWindows() {
		return nil
	}
	violations := p.groups(ctx, pod)
	users := idField{"runAsUser", "user", p.RunAsUser, pod.security().RunAsUser,
		func(c *podContainer) *int64 { return c.security().RunAsUser }}
	groups := idField{"runAsGroup", "group", p.RunAsGroup, pod.security().RunAsGroup,
		func(c *podContainer) *int64 { return c.security().RunAsGroup }}
	for _, f := range []idField{users, groups} {
		if len(f.ranges) > 0 {
			violations = append(violations, f.violations(ctx, pod, p.AllowUnset)...)
		}
	}
	return violations
}

// idField is a field that containers have of their own or from their Pod.
type idField struct {
	name, what string
	ranges     []idRange
	ofPod      *int64
	own        func(*podContainer) *int64
}

func (f idField) violations(ctx context.Context, pod PodTemplate, allowUnset bool) []handler.Violation {
	var violations []handler.Violation
	inherits := func(c *podContainer) bool { return f.own(c) == nil }
	if f.ofPod != nil && !contains(f.ranges, *f.ofPod) {
		if parts := imageParts(pod, inherits); len(parts) > 0 {
			violations = append(violations, riskOf(parts, pod.Path.Child("securityContext", f.name), "%s %d of the Pod; %s",
				f.what, *f.ofPod, allowedRanges(f.ranges)))
		}
	}
	for _, c := range heeded(ctx, containersOf(pod)) {
		at := c.path().Child("securityContext", f.name)
		switch own := f.own(&c); {
		case own != nil && !contains(f.ranges, *own):
			violations = append(violations, c.riskf(at, "%s %d; %s", f.what, *own, allowedRanges(f.ranges)))
		case own == nil && f.ofPod == nil && !allowUnset:
			violations = append(violations, c.riskf(at, "says no %s, and runs as that of its image; set it here or in the "+
				"Pod's securityContext (%s)", f.name, allowedRanges(f.ranges)))
		}
	}
	return violations
}

// groups judges the groups that a Pod has for all of its containers.
func (p userRanges) groups(ctx context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	at := pod.Path.Child("securityContext")
	if group := pod.security().FSGroup; group != nil && len(p.FSGroup) > 0 && !contains(p.FSGroup, *group) {
		violations = append(violations, keep(handler.Violationf(at.Child("fsGroup"), "fsGroup %d; %s", *group,
			allowedRanges(p.FSGroup))))
	}
	if len(p.SupplementalGroups) == 0 {
		return violations
	}
	for i, group := range heeded(ctx, pod.security().SupplementalGroups) {
		if !contains(p.SupplementalGroups, group) {
			violations = append(violations, keep(handler.Violationf(at.Child("supplementalGroups").Index(i),
				"supplemental group %d; %s", group, allowedRanges(p.SupplementalGroups))))
		}
	}
	return violations
}

func contains(ranges []idRange, id int64) bool {
	return slices.ContainsFunc(ranges, func(r idRange) bool { return r.Min <= id && id <= r.Max })
}

func allowedRanges(ranges []idRange) string {
	texts := make([]string, 0, len(ranges))
	for _, r := range ranges {
		texts = append(texts, r.String())
	}
	return "allowed: " + strings.Join(texts, ", ")
}
