// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
)

// cleanRules are what checks in mode denyWhenClean take: to keep the ConfigMap that says where they warn, to read the
// rules by which the server is asked, and to list what those are about.
func (o *rbacOptions) cleanRules() (role, clusterRole []rbacv1.PolicyRule) {
	if !needsClean(o.checks.configuration) {
		return nil, nil
	}
	name := cmp.Or(o.cleanConfigMap, defaultCleanName(o.bootstrap.Service))
	role = []rbacv1.PolicyRule{
		ruleFor("", "configmaps", "create"),
		ruleFor("", "configmaps", "get", "list", "watch", "update"),
	}
	role[1].ResourceNames = []string{name}
	configurations := ruleFor("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get")
	if configurations.ResourceNames = rulesIn(o.bootstrap); len(configurations.ResourceNames) > 0 {
		clusterRole = append(clusterRole, configurations)
	}
	clusterRole = append(clusterRole, ruleFor("", "namespaces", "list"))
	byGroup := map[string]sets.Set[string]{}
	for _, resource := range o.listed() {
		if byGroup[resource.Group] == nil {
			byGroup[resource.Group] = sets.New[string]()
		}
		byGroup[resource.Group].Insert(resource.Resource)
	}
	for _, group := range slices.Sorted(maps.Keys(byGroup)) {
		rule := ruleFor(group, "", "list")
		rule.Resources = sets.List(byGroup[group])
		clusterRole = append(clusterRole, rule)
	}
	return role, clusterRole
}

func ruleFor(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

// listed are the resources that an audit lists: those of the rules in the file that is named, or of the base install,
// and with Pods those by which their owners are found.
func (o *rbacOptions) listed() []schema.GroupResource {
	all := o.rules.Resources(admissionregistrationv1.Create)
	if o.rules.IsAll() {
		for _, name := range []string{
			"pods", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch",
		} {
			all = append(all, schema.ParseGroupResource(name))
		}
	}
	hasPods := func(r schema.GroupResource) bool {
		return strings.Trim(r.Group, "*") == "" && (r.Resource == "pods" || r.Resource == "*")
	}
	if slices.ContainsFunc(all, hasPods) {
		all = append(all, schema.ParseGroupResource("replicasets.apps"), schema.ParseGroupResource("jobs.batch"))
	}
	return all
}
