// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// allows says whether there may be a "*" in a field of a rule.
func (p rbacWildcards) allows(name string, rule rbacv1.PolicyRule) bool {
	if slices.Contains(p.AllowedWildcards, name) {
		return true
	}
	return len(p.APIGroups) > 0 && len(rule.APIGroups) > 0 && all(rule.APIGroups, func(group string) bool {
		return slices.ContainsFunc(p.APIGroups, func(g rbacGroup) bool {
			return slices.Contains(g.AllowedWildcards, name) && group != rbacv1.APIGroupAll && matchesHost(g.Name, group)
		})
	})
}

// meaning are resources of an API group for which a verb means something.
type meaning struct {
	group     string
	resources []string
}

// meanings are those of the verbs that Kubernetes' own authorizers ask about, and which have no other use.
func meanings(verb string) []meaning {
	switch verb {
	case "escalate", "bind":
		return []meaning{{rbacv1.GroupName, []string{"roles", "clusterroles"}}}
	case "impersonate":
		return []meaning{
			{"", []string{"users", "groups", "serviceaccounts"}}, {"authentication.k8s.io", []string{"uids", "userextras"}},
		}
	case "approve", "sign", "attest":
		return []meaning{{"certificates.k8s.io", []string{"signers"}}}
	}
	return nil
}

// deniedVerbs are the denied verbs that mean something in a rule. Of a verb that is not known it is not known where.
func (p rbacWildcards) deniedVerbs(rule rbacv1.PolicyRule) []string {
	var denied []string
	for _, verb := range p.DeniedVerbs {
		known := meanings(verb)
		if len(known) == 0 || slices.ContainsFunc(known, func(m meaning) bool { return m.isIn(rule) }) {
			denied = append(denied, verb)
		}
	}
	return denied
}

// isIn says whether a rule is for some of the resources. What it does not say counts as all.
func (m meaning) isIn(rule rbacv1.PolicyRule) bool {
	if len(rule.APIGroups)+len(rule.Resources) == 0 {
		return len(rule.NonResourceURLs) == 0
	}
	isNamed := func(resource string) bool {
		name, _, _ := strings.Cut(resource, "/")
		return name == rbacv1.ResourceAll || slices.Contains(m.resources, name)
	}
	return isOfGroup(rule, m.group) && (len(rule.Resources) == 0 || slices.ContainsFunc(rule.Resources, isNamed))
}

func isOfGroup(rule rbacv1.PolicyRule, group string) bool {
	return len(rule.APIGroups) == 0 || slices.Contains(rule.APIGroups, group) ||
		slices.Contains(rule.APIGroups, rbacv1.APIGroupAll)
}

// nodesProxy is the resource by which the API server passes requests on to kubelets.
const nodesProxy = "nodes/proxy"

// givesKubelets says whether a resource of a rule has nodes/proxy in it.
func givesKubelets(rule rbacv1.PolicyRule, resource string) bool {
	return len(rule.APIGroups) > 0 && isOfGroup(rule, "") &&
		slices.Contains([]string{nodesProxy, "*/proxy", rbacv1.ResourceAll}, resource)
}
