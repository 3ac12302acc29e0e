// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// RequiredLabels wants objects to have labels. It reads metadata only, and so works for objects of every kind. The
// labels of a Pod template are those of the Pods, and are looked at when the Pods are made. Make one with
// [NewRequiredLabels].
type RequiredLabels struct {
	rules     []labelRule
	resources []schema.GroupResource
}

var _ handler.Check = RequiredLabels{}

// LabelRule is a label that must be there.
type LabelRule struct {
	// Key is the label's key, such as "team" or "app.kubernetes.io/name".
	Key string
	// Pattern is a regular expression (https://pkg.go.dev/regexp/syntax) for the whole value. Without one, any value
	// but the empty one will do.
	Pattern string
}

type labelRule struct {
	LabelRule
	whole *regexp.Regexp // nil if there is no pattern
}

// NewRequiredLabels makes a check for objects of the given resources, or of all when none are given. The error says
// everything that is wrong with the rules.
func NewRequiredLabels(rules []LabelRule, resources ...schema.GroupResource) (RequiredLabels, error) {
	check := RequiredLabels{resources: slices.Clone(resources)}
	var errs []error
	for _, rule := range rules {
		compiled, err := rule.compile()
		check.rules = append(check.rules, compiled)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return RequiredLabels{}, err
	}
	return check, nil
}

func (r LabelRule) compile() (labelRule, error) {
	if problems := validation.IsQualifiedName(r.Key); len(problems) > 0 {
		return labelRule{}, fmt.Errorf("label key %q is not valid: %s", r.Key, problems[0])
	}
	if r.Pattern == "" {
		return labelRule{LabelRule: r}, nil
	}
	// Compiled by itself first: "a)|(b" is no pattern, but becomes one in the brackets that make it match the whole.
	if _, err := regexp.Compile(r.Pattern); err != nil {
		return labelRule{}, fmt.Errorf("pattern %q of label %q is not a regular expression: %w", r.Pattern, r.Key, err)
	}
	return labelRule{LabelRule: r, whole: regexp.MustCompile(`^(?:` + r.Pattern + `)$`)}, nil
}

// Name returns "requiredLabels".
func (RequiredLabels) Name() string { return "requiredLabels" }

// Evaluate returns a violation for each label that is not there, or whose value does not fit.
func (c RequiredLabels) Evaluate(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
	resource := schema.GroupResource{Group: req.Resource.Group, Resource: req.Resource.Resource}
	if len(c.resources) > 0 && !slices.Contains(c.resources, resource) {
		return nil, nil
	}
	obj, err := handler.Metadata(req)
	if err != nil {
		return nil, err
	}
	var violations []handler.Violation
	for _, rule := range c.rules {
		if problem := rule.problemOf(obj.Labels); problem != "" {
			path := field.NewPath("metadata", "labels").Key(rule.Key)
			violations = append(violations, handler.Violationf(path, "%s", problem))
		}
	}
	return violations, nil
}

func (r labelRule) problemOf(labels map[string]string) string {
	value, ok := labels[r.Key]
	switch {
	case !ok:
		return fmt.Sprintf("label %q is required", r.Key)
	case r.whole == nil && value == "":
		return fmt.Sprintf("label %q must not be empty", r.Key)
	case r.whole != nil && !r.whole.MatchString(value):
		return fmt.Sprintf("value %q does not match %q", value, r.Pattern)
	}
	return ""
}
