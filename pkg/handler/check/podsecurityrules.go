// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	psapi "k8s.io/pod-security-admission/api"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// podSecurityParameters are the levels that Pods are held to.
type podSecurityParameters struct {
	// Level is privileged (which allows everything), baseline or restricted.
	Level string `json:"level"`
	// Version is the minor version of Kubernetes whose standards apply, as in v1.30, or latest for the newest one known.
	Version string `json:"version"`
	// Rules are levels for namespaces with certain labels: the first rule that selects the namespace decides, in place
	// of the above.
	Rules []podSecurityLevel `json:"rules,omitempty"`
}

// podSecurityLevel is the level for some namespaces.
type podSecurityLevel struct {
	// NamespaceSelector is what the labels of the namespaces have to be; an empty one selects all.
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
	// Level is privileged, baseline or restricted.
	Level string `json:"level"`
	// Version is a version as above; without one, it is the one above.
	Version string `json:"version,omitempty"`
}

func podSecurityDefinition() handler.Definition {
	return handler.Define("podSecurity", handler.Doc{
		Summary: "Pods meet a level of the Pod Security Standards, which may depend on their namespace.",
		Why: "The standards are Kubernetes' own list of what lets a Pod take over its node or other Pods. Unlike the " +
			"admission that is built into the API server, this check also denies Deployments and the like, says which field " +
			"is at fault, and can hold old namespaces to the level without stopping what runs there already.",
	}, func() podSecurityParameters { return podSecurityParameters{Level: "baseline", Version: "latest"} },
		podSecurityParameters.build, handler.NamespaceLabels()).WithDefaultMode(handler.Deny)
}

// Values implements [handler.Enumerator].
func (podSecurityParameters) Values() map[string][]string {
	return map[string][]string{"level": levels()}
}

// Values implements [handler.Enumerator].
func (podSecurityLevel) Values() map[string][]string { return map[string][]string{"level": levels()} }

func levels() []string { return []string{"privileged", "baseline", "restricted"} }

// ReadsCluster implements [handler.Reader]: without rules, no labels matter.
func (p podSecurityParameters) ReadsCluster() bool { return len(p.Rules) > 0 }

// Validate implements [handler.Validator].
func (p podSecurityParameters) Validate(path *field.Path) field.ErrorList {
	errs := validateLevel(path, p.Level, p.Version)
	for i, rule := range p.Rules {
		at := path.Child("rules").Index(i)
		errs = append(errs, validateLevel(at, rule.Level, cmp.Or(rule.Version, "latest"))...)
		at = at.Child("namespaceSelector")
		wrong := metav1validation.ValidateLabelSelector(&rule.NamespaceSelector,
			metav1validation.LabelSelectorValidationOptions{}, at)
		if problem := p.neverDecides(i); problem != "" && len(wrong) == 0 {
			wrong = append(wrong, field.Invalid(at, metav1.FormatLabelSelector(&rule.NamespaceSelector), problem))
		}
		errs = append(errs, wrong...)
	}
	return errs
}

// neverDecides says why a rule with a valid selector is for no namespace, or nothing.
func (p podSecurityParameters) neverDecides(rule int) string {
	for i := range rule {
		if s := p.Rules[i].NamespaceSelector; len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
			return fmt.Sprintf("never decides: rule %d before it selects all namespaces", i)
		}
	}
	return handler.SelectsNothing(&p.Rules[rule].NamespaceSelector)
}

func validateLevel(path *field.Path, level, version string) field.ErrorList {
	errs := oneOf(path.Child("level"), level, levels())
	if _, err := psapi.ParseVersion(version); err != nil {
		errs = append(errs, field.Invalid(path.Child("version"), version, `must be "latest" or "v1.x"`))
	}
	return errs
}

func (p podSecurityParameters) build(env handler.Environment) (handler.Check, error) {
	check, err := newPodSecurity(p.Level, p.Version)
	if err != nil {
		return nil, err
	}
	check.env = env
	for i, rule := range p.Rules {
		selector, err := metav1.LabelSelectorAsSelector(&rule.NamespaceSelector)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		level, err := parseLevel(rule.Level, cmp.Or(rule.Version, p.Version))
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		controls, err := controlsOf(level)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		check.rules = append(check.rules, podSecurityRule{selector, controls})
	}
	return check, nil
}
