// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// requiredAnnotations are the annotations that objects must have. As with labels, those of a Pod template are looked at
// when its Pods are made.
type requiredAnnotations struct {
	// Annotations are the annotations that have to be there.
	Annotations []requiredLabel `json:"annotations,omitempty"`
	// Resources are the plural names, with their group, of what has to have them, as in pods or deployments.apps. None
	// stands for all that the webhook is asked about. If pods are among them, templates of Pods have to have them as well.
	Resources []string `json:"resources,omitempty"`
}

func requiredAnnotationsDefinition() handler.Definition {
	return handler.Define("requiredAnnotations", handler.Doc{
		Summary: "Objects of any kind have the annotations that are asked for, with values that match.",
		Why:     "Where the source is, whom to call at night: an annotation takes what no label can hold.",
	}, no[requiredAnnotations], requiredAnnotations.build)
}

// Validate implements [handler.Validator].
func (p requiredAnnotations) Validate(path *field.Path) field.ErrorList {
	return validateRules(path, "annotation", "annotations", p.Annotations, p.Resources)
}

func (p requiredAnnotations) build(handler.Environment) (handler.Check, error) {
	rules, err := compileRules("annotation", "annotations", p.Annotations, parseResources(p.Resources))
	if err != nil {
		return nil, err
	}
	values := func(obj *metav1.ObjectMeta) map[string]string { return obj.Annotations }
	return ruleFunc{"requiredAnnotations", func(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
		return rules.evaluate(req, values)
	}}, nil
}
