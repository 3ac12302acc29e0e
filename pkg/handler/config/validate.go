// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// Validate returns everything that is wrong with the values, each with the path of its field.
func (c Configuration) Validate() error {
	path := field.NewPath("checks")
	errs := c.Checks.PodSecurity.validate(path.Child("podSecurity"))
	errs = append(errs, c.Checks.ImageTag.validate(path.Child("imageTag"))...)
	errs = append(errs, c.Checks.RequiredLabels.validate(path.Child("requiredLabels"))...)
	return errs.ToAggregate()
}

func (c PodSecurity) validate(path *field.Path) field.ErrorList {
	errs := validateCommon(path, c.Mode, c.ExemptNamespaces)
	levels := []string{"privileged", "baseline", "restricted"}
	if !slices.Contains(levels, c.Level) {
		errs = append(errs, field.NotSupported(path.Child("level"), c.Level, levels))
	}
	if _, err := check.NewPodSecurity("baseline", c.Version); err != nil {
		errs = append(errs, field.Invalid(path.Child("version"), c.Version, `must be "latest" or "v1.x"`))
	}
	return errs
}

func (c ImageTag) validate(path *field.Path) field.ErrorList {
	errs := validateCommon(path, c.Mode, c.ExemptNamespaces)
	if c.RequireDigest && c.AllowLatest {
		errs = append(errs, field.Forbidden(path.Child("allowLatest"),
			"says nothing when requireDigest is true; remove one of them"))
	}
	return errs
}

func (c RequiredLabels) validate(path *field.Path) field.ErrorList {
	errs := validateCommon(path, c.Mode, c.ExemptNamespaces)
	if c.Mode != handler.Off && len(c.Labels) == 0 {
		errs = append(errs, field.Required(path.Child("labels"), "list a label, or set mode: off"))
	}
	for i, l := range c.Labels {
		if _, err := check.NewRequiredLabels([]check.LabelRule{{Key: l.Key, Pattern: l.Pattern}}); err != nil {
			errs = append(errs, field.Invalid(path.Child("labels").Index(i), l.Key, err.Error()))
		}
	}
	for i, r := range c.Resources {
		// A resource is a plural name, in the core group alone, else with the group behind a dot.
		if problems := validation.IsDNS1123Subdomain(r); len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Child("resources").Index(i), r,
				`must be a plural name and its group, such as "pods" or "deployments.apps"`))
		}
	}
	return errs
}

func validateCommon(path *field.Path, mode handler.Mode, exempt []string) field.ErrorList {
	var errs field.ErrorList
	if !slices.Contains(handler.Modes(), mode) {
		errs = append(errs, field.NotSupported(path.Child("mode"), mode, handler.Modes()))
	}
	for i, namespace := range exempt {
		if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Child("exemptNamespaces").Index(i), namespace, problems[0]))
		}
	}
	return errs
}
