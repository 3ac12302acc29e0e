// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Definitions returns the built-in checks, in the order in which they are asked and documented.
func Definitions() []handler.Definition {
	return []handler.Definition{podSecurityDefinition(), imageTagDefinition(), requiredLabelsDefinition()}
}

// PodSecurityParameters are those of [PodSecurity].
type PodSecurityParameters struct {
	// The level of the Pod Security Standards: privileged, baseline or restricted.
	Level string `json:"level"`
	// The version of Kubernetes whose standards apply, as in v1.30, or latest.
	Version string `json:"version"`
}

// Validate implements [handler.Validator].
func (p PodSecurityParameters) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	levels := []string{"privileged", "baseline", "restricted"}
	if !slices.Contains(levels, p.Level) {
		errs = append(errs, field.NotSupported(path.Child("level"), p.Level, levels))
	}
	if _, err := NewPodSecurity("baseline", p.Version); err != nil {
		errs = append(errs, field.Invalid(path.Child("version"), p.Version, `must be "latest" or "v1.x"`))
	}
	return errs
}

func podSecurityDefinition() handler.Definition {
	d := handler.Define("podSecurity", handler.Doc{
		Summary: "Pods must keep to a level of the Kubernetes Pod Security Standards.",
	}, func() PodSecurityParameters {
		return PodSecurityParameters{Level: "baseline", Version: "latest"}
	}, func(p PodSecurityParameters, _ handler.Environment) (handler.Check, error) {
		return NewPodSecurity(p.Level, p.Version)
	})
	d.DefaultMode = handler.Deny
	return d
}

// ImageTagParameters are those of [ImageTag].
type ImageTagParameters struct {
	// Wants a digest: a tag can be made to point to another image, a digest cannot.
	RequireDigest bool `json:"requireDigest"`
	// Allows the tag latest, and images without a tag, which get that tag.
	AllowLatest bool `json:"allowLatest"`
}

// Validate implements [handler.Validator].
func (p ImageTagParameters) Validate(path *field.Path) field.ErrorList {
	if p.RequireDigest && p.AllowLatest {
		return field.ErrorList{field.Forbidden(path.Child("allowLatest"),
			"says nothing when requireDigest is true; remove one of them")}
	}
	return nil
}

func imageTagDefinition() handler.Definition {
	d := handler.Define("imageTag", handler.Doc{
		Summary: "Images must say which version they are, by a tag other than latest or by a digest.",
	}, func() ImageTagParameters {
		return ImageTagParameters{}
	}, func(p ImageTagParameters, _ handler.Environment) (handler.Check, error) {
		return ImageTag(p), nil
	})
	d.DefaultMode = handler.Deny
	return d
}

// RequiredLabelsParameters are those of [RequiredLabels].
type RequiredLabelsParameters struct {
	// The labels that must be there.
	Labels []RequiredLabel `json:"labels"`
	// The resources that must have them, by plural name and group, as in pods or deployments.apps; all if none is named.
	Resources []string `json:"resources,omitempty"`
}

// RequiredLabel is a label that must be there.
type RequiredLabel struct {
	// The label's key, such as team or app.kubernetes.io/name.
	Key string `json:"key"`
	// A regular expression for the whole value; without one, any value but the empty one will do.
	Pattern string `json:"pattern,omitempty"`
}

// Validate implements [handler.Validator].
func (p RequiredLabelsParameters) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(p.Labels) == 0 {
		errs = append(errs, field.Required(path.Child("labels"), "list a label, or set mode: off"))
	}
	for i, l := range p.Labels {
		if _, err := NewRequiredLabels([]LabelRule{LabelRule(l)}); err != nil {
			errs = append(errs, field.Invalid(path.Child("labels").Index(i), l.Key, err.Error()))
		}
	}
	for i, r := range p.Resources {
		// A resource is a plural name, in the core group alone, else with the group behind a dot.
		if problems := validation.IsDNS1123Subdomain(r); len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Child("resources").Index(i), r,
				`must be a plural name and its group, such as "pods" or "deployments.apps"`))
		}
	}
	return errs
}

func requiredLabelsDefinition() handler.Definition {
	return handler.Define("requiredLabels", handler.Doc{
		Summary: "Objects must have labels.",
	}, func() RequiredLabelsParameters {
		return RequiredLabelsParameters{}
	}, func(p RequiredLabelsParameters, _ handler.Environment) (handler.Check, error) {
		var rules []LabelRule
		for _, l := range p.Labels {
			rules = append(rules, LabelRule(l))
		}
		var resources []schema.GroupResource
		for _, r := range p.Resources {
			resources = append(resources, schema.ParseGroupResource(r))
		}
		return NewRequiredLabels(rules, resources...)
	})
}
