// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// maxRuleComparisons bounds what comparing the rules of two versions of a role may cost, in pairs of values. Roles of
// people have a few hundred values at most.
const maxRuleComparisons = 4_000_000

// rulesBefore are the rules that the role had before an update, and none if there was none, if it cannot be read, or if
// it is too large to be compared with what there is now.
func rulesBefore(req *handler.Request, now []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	old, err := before[rbacv1.ClusterRole](req)
	if err != nil || old == nil || valuesIn(old.Rules)*valuesIn(now) > maxRuleComparisons {
		return nil
	}
	return old.Rules
}

func valuesIn(rules []rbacv1.PolicyRule) int {
	n := len(rules)
	for _, r := range rules {
		n += len(r.Verbs) + len(r.APIGroups) + len(r.Resources) + len(r.ResourceNames) + len(r.NonResourceURLs)
	}
	return n
}

// covers says whether one rule gives all that another one gives. It may say no where several together do.
func covers(old, rule rbacv1.PolicyRule) bool {
	return coversAll(old.Verbs, rule.Verbs, isAll) && coversAll(old.APIGroups, rule.APIGroups, isAll) &&
		coversAll(old.Resources, rule.Resources, hasResource) &&
		coversAll(old.NonResourceURLs, rule.NonResourceURLs, hasURL) &&
		coversAllNames(old.ResourceNames, rule.ResourceNames)
}

// coversAll says whether each value is among the old ones, or in one of them.
func coversAll(old, values []string, in func(old, value string) bool) bool {
	for _, value := range values {
		if !slices.ContainsFunc(old, func(o string) bool { return o == value || in(o, value) }) {
			return false
		}
	}
	return true
}

// coversAllNames compares names of objects, of which none stand for all.
func coversAllNames(old, names []string) bool {
	if len(old) == 0 {
		return true
	}
	return len(names) > 0 && coversAll(old, names, func(_, _ string) bool { return false })
}

func isAll(old, _ string) bool { return old == "*" }

// hasResource knows that */scale has the subresource of every resource.
func hasResource(old, resource string) bool {
	_, subresource, _ := strings.Cut(resource, "/")
	return isAll(old, resource) || subresource != "" && old == "*/"+subresource
}

// hasURL knows that /metrics/* has every path that begins so.
func hasURL(old, url string) bool {
	prefix, isPrefix := strings.CutSuffix(old, "*")
	return isPrefix && strings.HasPrefix(url, prefix)
}
