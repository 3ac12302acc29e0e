// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// requiredLabel is a label, or an annotation, that must be there.
type requiredLabel struct {
	// Key is the key, such as "team" or "app.kubernetes.io/name".
	Key string `json:"key"`
	// Pattern is a regular expression (https://pkg.go.dev/regexp/syntax) for the whole value. Without one, any value
	// but the empty one will do.
	Pattern string `json:"pattern,omitempty"`
}

// labelRule is a requiredLabel ready for use.
type labelRule struct {
	requiredLabel
	whole *regexp.Regexp // nil if there is no pattern
}

func (r requiredLabel) compile(sort string) (labelRule, error) {
	if problems := validation.IsQualifiedName(r.Key); len(problems) > 0 {
		return labelRule{}, fmt.Errorf("%s key %q is not valid: %s", sort, r.Key, problems[0])
	}
	if r.Pattern == "" {
		return labelRule{requiredLabel: r}, nil
	}
	// Compiled by itself first: "a)|(b" is no pattern, but becomes one in the brackets that make it match the whole.
	if _, err := regexp.Compile(r.Pattern); err != nil {
		return labelRule{}, fmt.Errorf("pattern %q of %s %q is not a regular expression: %w", r.Pattern, sort, r.Key, err)
	}
	// And some are one only by themselves: the \Q of "\Qa.b" makes a letter of the bracket behind it.
	whole, err := regexp.Compile(`^(?:` + r.Pattern + `)$`)
	if err != nil {
		return labelRule{}, fmt.Errorf("pattern %q of %s %q does not end what it begins; finish it: %w", r.Pattern, sort,
			r.Key, err)
	}
	return labelRule{requiredLabel: r, whole: whole}, nil
}

func (r labelRule) problemOf(sort string, values map[string]string) string {
	value, ok := values[r.Key]
	switch {
	case !ok:
		return fmt.Sprintf("%s %q is required", sort, r.Key)
	case r.whole == nil && value == "":
		return fmt.Sprintf("%s %q must not be empty", sort, r.Key)
	case r.whole != nil && !r.whole.MatchString(value):
		return fmt.Sprintf("value %q does not match %q", value, r.Pattern)
	}
	return ""
}

// metadataRules are what labels and annotations have in common.
type metadataRules struct {
	sort, field string // "label", "labels"
	rules       []labelRule
	resources   []schema.GroupResource // none stands for all
}

func compileRules(sort, plural string, rules []requiredLabel, resources []schema.GroupResource) (metadataRules, error) {
	compiled := metadataRules{sort: sort, field: plural, resources: slices.Clone(resources)}
	var errs []error
	for _, rule := range rules {
		r, err := rule.compile(sort)
		compiled.rules = append(compiled.rules, r)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return metadataRules{}, err
	}
	return compiled, nil
}

// evaluate reads nothing but metadata, and so works for every kind. Values are those that values returns. If Pods have
// to follow the rules, templates of Pods have to as well: Pods are refused too late for their author to hear of it.
func (m metadataRules) evaluate(
	req *handler.Request, values func(*metav1.ObjectMeta) map[string]string,
) ([]handler.Violation, error) {
	var violations []handler.Violation
	if m.isFor(schema.GroupResource{Group: req.Resource.Group, Resource: req.Resource.Resource}) {
		obj, err := handler.Metadata(req)
		if err != nil {
			return nil, err
		}
		violations = m.violations(field.NewPath("metadata"), values(obj))
	}
	if !m.isFor(schema.GroupResource{Resource: "pods"}) {
		return violations, nil
	}
	pod, ok, err := partOf[described](req, newObject)
	if err != nil || !ok || !pod.isTemplate() {
		return violations, err
	}
	path := field.NewPath(strings.TrimSuffix(pod.Path.String(), "spec") + "metadata")
	ofPods := m
	ofPods.rules = slices.DeleteFunc(slices.Clone(m.rules), func(r labelRule) bool { return isFromController(r.Key) })
	for _, v := range ofPods.violations(path, values(pod.Metadata)) {
		v.Message += ", for its Pods"
		violations = append(violations, v)
	}
	return violations, nil
}

// isFromController says whether a controller gives its Pods the label, or annotation, that their template lacks.
func isFromController(key string) bool {
	return slices.Contains([]string{
		"pod-template-hash", "controller-revision-hash", "pod-template-generation", "job-name", "controller-uid",
		"batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-completion-index",
		"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
	}, key)
}

// isFor says whether objects of a resource have to follow the rules.
func (m metadataRules) isFor(resource schema.GroupResource) bool {
	return len(m.resources) == 0 || slices.Contains(m.resources, resource)
}

func (m metadataRules) violations(path *field.Path, values map[string]string) []handler.Violation {
	var violations []handler.Violation
	for _, rule := range m.rules {
		if problem := rule.problemOf(m.sort, values); problem != "" {
			violations = append(violations, handler.Violationf(path.Child(m.field).Key(rule.Key), "%s", problem))
		}
	}
	return violations
}

// validateRules returns all that is wrong with parameters.
func validateRules(path *field.Path, sort, plural string, rules []requiredLabel, resources []string) field.ErrorList {
	var errs field.ErrorList
	if len(rules) == 0 {
		errs = append(errs, field.Required(path.Child(plural), fmt.Sprintf("list %s, or turn the check off", plural)))
	}
	for i, rule := range rules {
		if _, err := rule.compile(sort); err != nil {
			errs = append(errs, field.Invalid(path.Child(plural).Index(i), rule.Key, err.Error()))
		}
	}
	return append(errs, validateResources(path.Child("resources"), resources)...)
}

// validateResources returns what no request can be about. A resource is a plural name, in the core group alone, else
// with the group behind a dot.
func validateResources(path *field.Path, resources []string) field.ErrorList {
	var errs field.ErrorList
	for i, r := range resources {
		if problems := validation.IsDNS1123Subdomain(r); len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Index(i), r,
				`must be a plural name and its group, such as "pods" or "deployments.apps"`))
		} else if problem := handler.NoResource(r); problem != "" {
			errs = append(errs, field.Invalid(path.Index(i), r, problem))
		}
	}
	return errs
}

func parseResources(names []string) []schema.GroupResource {
	parsed := make([]schema.GroupResource, 0, len(names))
	for _, name := range names {
		parsed = append(parsed, schema.ParseGroupResource(name))
	}
	return parsed
}
