// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/image"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// allowedRegistries denies images from elsewhere than allowed places, and from denied ones.
type allowedRegistries struct {
	// Allowed are the places: everything below one, as in ghcr.io/* or ghcr.io/acme/*, or a repository, as in
	// docker.io/library/nginx. Names are compared as they are written out, so that docker.io/acme/* has neither
	// docker.io/acme-evil/app in it nor nginx, which is docker.io/library/nginx.
	Allowed []string `json:"allowed,omitempty"`
	// Denied are places in the same form from which no image may come, be they in an allowed place or not. Without allowed
	// places, all others are allowed.
	Denied []string `json:"denied,omitempty"`
}

func allowedRegistriesDefinition() handler.Definition {
	return handler.Define("allowedRegistries", handler.Doc{
		Summary: "Images come from allowed registries and repositories, and from none that is denied.",
		Why: "Who may push to a registry decides what runs. A public one takes images from any user, under names that " +
			"are a typing error away from well-known ones.",
	}, no[allowedRegistries], func(p allowedRegistries, _ handler.Environment) (handler.Check, error) {
		allowed, err := image.ParsePatterns(p.Allowed)
		if err != nil {
			return nil, err
		}
		denied, err := image.ParsePatterns(p.Denied)
		if err != nil {
			return nil, err
		}
		rule := registryRule{allowed, denied, strings.Join(p.Allowed, ", ")}
		return podCheck(imagesOf, "allowedRegistries", rule.violations), nil
	})
}

// Validate implements [handler.Validator].
func (p allowedRegistries) Validate(path *field.Path) field.ErrorList {
	if len(p.Allowed)+len(p.Denied) == 0 {
		return field.ErrorList{field.Required(path.Child("allowed"), "list registries, or turn the check off")}
	}
	var errs field.ErrorList
	for i, text := range p.Allowed {
		if _, err := image.ParsePattern(text); err != nil {
			errs = append(errs, field.Invalid(path.Child("allowed").Index(i), text, err.Error()))
		}
	}
	for i, text := range p.Denied {
		at := path.Child("denied").Index(i)
		pattern, err := image.ParsePattern(text)
		switch {
		case err != nil:
			errs = append(errs, field.Invalid(at, text, err.Error()))
		case pattern.Tag != "" || pattern.Digest != "":
			errs = append(errs, field.Invalid(at, text,
				"must be a repository or a place: the same image has other tags and digests as well"))
		}
	}
	return errs
}

// registryRule is AllowedRegistries ready for use.
type registryRule struct {
	patterns, denied image.Patterns
	allowed          string
}

func (r registryRule) violations(ctx context.Context, pod PodTemplate) []handler.Violation {
	return imageViolations(ctx, pod, r.problemOf)
}

func (r registryRule) problemOf(text string) string {
	ref, err := image.Parse(text)
	switch {
	case strings.TrimSpace(text) == "":
		return "has no image"
	case err != nil:
		return err.Error()
	case r.denied.Match(text):
		return fmt.Sprintf("image %q is %s/%s, which is in a denied place; take it from another one", text, ref.Domain,
			ref.Path)
	case len(r.patterns) == 0 || r.patterns.Match(text):
		return ""
	}
	return fmt.Sprintf("image %q is %s/%s, which is not in an allowed place; allowed: %s", text, ref.Domain, ref.Path,
		r.allowed)
}
