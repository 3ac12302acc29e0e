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

// allowedRegistries denies images from elsewhere than allowed places.
type allowedRegistries struct {
	// Allowed are the places: everything below one, as in ghcr.io/* or ghcr.io/acme/*, or a repository, as in
	// docker.io/library/nginx. Names are compared as they are written out, so that docker.io/acme/* has neither
	// docker.io/acme-evil/app in it nor nginx, which is docker.io/library/nginx.
	Allowed []string `json:"allowed,omitempty"`
}

func allowedRegistriesDefinition() handler.Definition {
	return handler.Define("allowedRegistries", handler.Doc{
		Summary: "Images come from allowed registries and repositories.",
		Why: "Who may push to a registry decides what runs. A public one takes images from any user, under names that " +
			"are a typing error away from well-known ones.",
	}, no[allowedRegistries], func(p allowedRegistries, _ handler.Environment) (handler.Check, error) {
		patterns, err := image.ParsePatterns(p.Allowed)
		if err != nil {
			return nil, err
		}
		rule := registryRule{patterns, strings.Join(p.Allowed, ", ")}
		return podCheck(imagesOf, "allowedRegistries", rule.violations), nil
	})
}

// Validate implements [handler.Validator].
func (p allowedRegistries) Validate(path *field.Path) field.ErrorList {
	path = path.Child("allowed")
	if len(p.Allowed) == 0 {
		return field.ErrorList{field.Required(path, "list registries, or turn the check off")}
	}
	var errs field.ErrorList
	for i, text := range p.Allowed {
		if _, err := image.ParsePattern(text); err != nil {
			errs = append(errs, field.Invalid(path.Index(i), text, err.Error()))
		}
	}
	return errs
}

// registryRule is AllowedRegistries ready for use.
type registryRule struct {
	patterns image.Patterns
	allowed  string
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
	case r.patterns.Match(text):
		return ""
	}
	return fmt.Sprintf("image %q is %s/%s, which is not in an allowed place; allowed: %s", text, ref.Domain, ref.Path,
		r.allowed)
}
