// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// parameters stand beside mode and exempt in the configuration.
type parameters struct {
	// The annotation that has the address.
	Annotation string `json:"annotation"`
	// The domain that the address must be in.
	Domain string `json:"domain"`
}

// Validate implements [handler.Validator].
func (p parameters) Validate(path *field.Path) field.ErrorList {
	if p.Domain == "" {
		return field.ErrorList{field.Required(path.Child("domain"), "name the domain of your company's addresses")}
	}
	return nil
}

func defaults() parameters { return parameters{Annotation: "example.com/owner"} }

// ownerEmail wants to know whom to write to about a Namespace.
func ownerEmail() handler.Definition {
	return handler.Define("ownerEmail", handler.Doc{
		Summary: "A Namespace must name the e-mail address of its owner.",
		Why:     "Somebody has to be told when it is about to be cleaned up.",
	}, defaults, func(p parameters, _ handler.Environment) (handler.Check, error) {
		return handler.CheckFor("ownerEmail", p.check), nil
	})
}

// check is the check.
func (p parameters) check(_ context.Context, _ *handler.Request, namespace *corev1.Namespace) []handler.Violation {
	address := namespace.Annotations[p.Annotation]
	if name, domain, _ := strings.Cut(address, "@"); name != "" && domain == p.Domain {
		return nil
	}
	path := field.NewPath("metadata", "annotations").Key(p.Annotation)
	return []handler.Violation{handler.Violationf(path, "%q is no address of %s", address, p.Domain)}
}
