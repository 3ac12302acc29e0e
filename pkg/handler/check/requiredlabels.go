// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// requiredLabels wants objects to have labels. It reads metadata only, and so works for objects of every kind. The
// labels of a Pod template are those of the Pods: it has to have them if Pods have to. Make one with
// newRequiredLabels.
type requiredLabels struct{ metadataRules }

var _ handler.Check = requiredLabels{}

// requiredLabelsParameters are the labels that objects must have.
type requiredLabelsParameters struct {
	// Labels are the labels that have to be there.
	Labels []requiredLabel `json:"labels,omitempty"`
	// Resources are the plural names, with their group, of what has to have them, as in pods or deployments.apps. None
	// stands for all that the webhook is asked about. If pods are among them, templates of Pods have to have them as well.
	Resources []string `json:"resources,omitempty"`
}

func requiredLabelsDefinition() handler.Definition {
	return handler.Define("requiredLabels", handler.Doc{
		Summary: "Objects of any kind have the labels that are asked for, with values that match.",
		Why: "Who owns it, what it belongs to and who pays for it: what people, network policies and bills look for has to " +
			"be there before it is needed.",
	}, no[requiredLabelsParameters], func(p requiredLabelsParameters, _ handler.Environment) (handler.Check, error) {
		return newRequiredLabels(p.Labels, parseResources(p.Resources)...)
	})
}

// Validate implements [handler.Validator].
func (p requiredLabelsParameters) Validate(path *field.Path) field.ErrorList {
	return validateRules(path, "label", "labels", p.Labels, p.Resources)
}

// newRequiredLabels makes a check for objects of the given resources, or of all when none are given. The error says
// everything that is wrong with the rules.
func newRequiredLabels(rules []requiredLabel, resources ...schema.GroupResource) (requiredLabels, error) {
	compiled, err := compileRules("label", "labels", rules, resources)
	return requiredLabels{compiled}, err
}

// Name returns "requiredLabels".
func (requiredLabels) Name() string { return "requiredLabels" }

// Evaluate returns a violation for each label that is not there, or whose value does not fit.
func (c requiredLabels) Evaluate(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
	return c.evaluate(req, func(obj *metav1.ObjectMeta) map[string]string { return obj.Labels })
}
