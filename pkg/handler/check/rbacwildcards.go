// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// rbacWildcards denies Roles and ClusterRoles with rules for everything. A rule that gives nothing which a rule of the
// same role did not give before passes, even if it still gives too much: the role has not become worse.
type rbacWildcards struct {
	// AllowedWildcards are the fields of a rule in which there may be a "*": verbs, apiGroups, resources or
	// nonResourceURLs.
	AllowedWildcards []string `json:"allowedWildcards,omitempty"`
	// APIGroups are API groups whose rules may have more of them.
	APIGroups []rbacGroup `json:"apiGroups,omitempty"`
	// DeniedVerbs are verbs that no rule may have, such as escalate, bind and impersonate, by each of which one gets
	// rights that one was not given. Those three, and approve, sign and attest, are denied for the resources only for
	// which they mean something. With any of them, nodes/proxy is denied as well: the kubelet's API runs commands in every
	// Pod.
	DeniedVerbs []string `json:"deniedVerbs,omitempty"`
}

// rbacGroup is what rules for an API group may have.
type rbacGroup struct {
	// Name is the API group, such as config.istio.io, or *.istio.io for all whose names end so.
	Name string `json:"name"`
	// AllowedWildcards are the fields in which there may be a "*" if a rule is for such groups only: verbs or resources.
	AllowedWildcards []string `json:"allowedWildcards,omitempty"`
}

func rbacWildcardsDefinition() handler.Definition {
	return handler.Define("rbacWildcards", handler.Doc{
		Summary: "Roles and ClusterRoles name the verbs, resources and API groups that they are for.",
		Why: "A \"*\" also stands for what does not exist yet: every API that is installed later, and every subresource, " +
			"such as pods/exec. What an aggregated ClusterRole can come to hold counts, too: its selectors must name labels " +
			"that are given for it, and what the aggregation adds to it is looked at as if somebody had written it, but for " +
			"Kubernetes' own admin, edit and view.",
	}, no[rbacWildcards], func(p rbacWildcards, _ handler.Environment) (handler.Check, error) {
		return ruleFunc{"rbacWildcards", p.evaluate}, nil
	})
}

func rbacFields() []string { return []string{"verbs", "apiGroups", "resources", "nonResourceURLs"} }

// Values implements [handler.Enumerator].
func (rbacGroup) Values() map[string][]string {
	return map[string][]string{"allowedWildcards": {"verbs", "resources"}}
}

// Values implements [handler.Enumerator].
func (rbacWildcards) Values() map[string][]string {
	return map[string][]string{"allowedWildcards": rbacFields()}
}

// Validate implements [handler.Validator].
func (p rbacWildcards) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range p.AllowedWildcards {
		errs = append(errs, oneOf(path.Child("allowedWildcards").Index(i), name, rbacFields())...)
	}
	for i, group := range p.APIGroups {
		at := path.Child("apiGroups").Index(i)
		errs = append(errs, validateHostPattern(at.Child("name"), group.Name)...)
		for j, name := range group.AllowedWildcards {
			errs = append(errs, oneOf(at.Child("allowedWildcards").Index(j), name, group.Values()["allowedWildcards"])...)
		}
	}
	for i, verb := range p.DeniedVerbs {
		if verb == "" || verb == rbacv1.VerbAll {
			errs = append(errs, field.Invalid(path.Child("deniedVerbs").Index(i), verb, "must be a verb, such as escalate"))
		}
	}
	return errs
}

func (p rbacWildcards) evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	// A Role is read as a ClusterRole: they have the same rules.
	role, ok, err := objectOf[rbacv1.ClusterRole](req,
		rbacv1.SchemeGroupVersion.WithKind("Role"), rbacv1.SchemeGroupVersion.WithKind("ClusterRole"))
	if err != nil || !ok || req.UserInfo.Username == apiServer || isDefaultSum(req) {
		return nil, err
	}
	gave := sync.OnceValue(func() []givenRule { return rulesBefore(req) })
	var violations []handler.Violation
	for i, rule := range heeded(ctx, role.Rules) {
		found := p.ruleViolations(ctx, field.NewPath("rules").Index(i), rule)
		if len(found) > 0 && !slices.ContainsFunc(gave(), func(old givenRule) bool { return old.covers(rule) }) {
			violations = append(violations, found...)
		}
	}
	return append(violations, aggregates(ctx, role.AggregationRule)...), ctx.Err()
}

// Who writes Kubernetes' own roles, and the sums of roles.
const (
	apiServer             = "system:apiserver"
	aggregationController = "system:serviceaccount:kube-system:clusterrole-aggregation-controller"
)

// isControlPlane says whether Kubernetes itself writes the object.
func isControlPlane(req *handler.Request) bool {
	return req.UserInfo.Username == apiServer || req.UserInfo.Username == aggregationController
}

func (p rbacWildcards) ruleViolations(
	ctx context.Context, path *field.Path, rule rbacv1.PolicyRule,
) []handler.Violation {
	var violations []handler.Violation
	// Of rules that are too many to be compared by what they give, only the same one is an old one.
	whole := sync.OnceValue(func() string { return digest(rule.String()) })
	report := func(name string, i int, format string, args ...any) {
		v := handler.Violationf(path.Child(name).Index(i), format, args...)
		v.Identity = v.Message + whole()
		violations = append(violations, v)
	}
	for n, values := range [][]string{rule.Verbs, rule.APIGroups, rule.Resources, rule.NonResourceURLs} {
		name := rbacFields()[n]
		for i, value := range heeded(ctx, values) {
			if strings.Contains(value, "*") && !p.allows(name, rule) {
				report(name, i, "%q in %s stands for more than one can know; name them", value, name)
			}
		}
	}
	denied := p.deniedVerbs(rule)
	for i, verb := range heeded(ctx, rule.Verbs) {
		switch {
		case verb == rbacv1.VerbAll && len(denied) > 0 && p.allows("verbs", rule):
			report("verbs", i, "verb %q stands for %s as well; name the verbs", verb, strings.Join(denied, ", "))
		case slices.Contains(denied, verb):
			report("verbs", i, "verb %q gives rights beyond those of the rule; remove it", verb)
		}
	}
	for i, resource := range heeded(ctx, rule.Resources) {
		isKnown := resource == nodesProxy || p.allows("resources", rule) // any other wildcard is reported already
		if len(p.DeniedVerbs) > 0 && isKnown && givesKubelets(rule, resource) {
			report("resources", i, "%q gives nodes/proxy, and with it the API of the kubelets, which runs commands in every "+
				"Pod; remove it", resource)
		}
	}
	return violations
}
