// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// escalation is a way to rights that one was not given: which rights it takes, and what one gets by them. See
// https://kubernetes.io/docs/concepts/security/rbac-good-practices/.
type escalation struct {
	name   string
	gives  string
	rights []right
}

// right is a right to some verbs for some resources of an API group.
type right struct {
	group     string
	resources []string
	verbs     []string
	// clusterWide is for resources that are in no namespace: a Role gives no right to them.
	clusterWide bool
	// isEnough says of a name in resourceNames whether the right to that one object will do; nil stands for no name.
	isEnough func(name string) bool
}

// escalations are the ways that are known. Names of roles and of groups are those that no subject may have.
func escalations(roles, groups []string) []escalation {
	read, run, edit := []string{"get", "list", "watch"}, []string{"get", "create"}, []string{"update", "patch"}
	write := []string{"create", "update", "patch"}
	every := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	isAny := func(string) bool { return true }
	isRole := func(name string) bool { return slices.Contains(roles, name) }
	isGroup := func(name string) bool { return slices.Contains(groups, name) }
	isSystem := func(name string) bool { return strings.HasPrefix(name, "system:") }
	isKubernetes := func(name string) bool { return strings.HasPrefix(name, "kubernetes.io/") }
	return []escalation{
		{"escalate", "writes roles with rights that one does not have", []right{
			{group: rbacv1.GroupName, resources: []string{"roles"}, verbs: []string{"escalate"}, isEnough: isAny},
			{
				group: rbacv1.GroupName, resources: []string{"clusterroles"}, verbs: []string{"escalate"}, isEnough: isAny,
				clusterWide: true,
			},
		}},
		// The right to bind ClusterRoles counts in a namespace as well: for RoleBindings to them.
		{"bind", "gives roles that one does not have, as cluster-admin", []right{
			{group: rbacv1.GroupName, resources: []string{"roles"}, verbs: []string{"bind"}},
			{group: rbacv1.GroupName, resources: []string{"clusterroles"}, verbs: []string{"bind"}, isEnough: isRole},
		}},
		{"impersonate", "acts in the name of others", []right{
			{resources: []string{"serviceaccounts"}, verbs: []string{"impersonate"}},
			{resources: []string{"users"}, verbs: []string{"impersonate"}, isEnough: isSystem, clusterWide: true},
			{resources: []string{"groups"}, verbs: []string{"impersonate"}, isEnough: isGroup, clusterWide: true},
		}},
		// API servers before 1.35 ask for no more than get when a WebSocket is opened.
		{"exec", "runs commands in Pods, with the rights of their ServiceAccounts",
			[]right{{resources: []string{"pods/exec"}, verbs: run}}},
		{"attach", "takes over what runs in Pods, with the rights of their ServiceAccounts",
			[]right{{resources: []string{"pods/attach"}, verbs: run}}},
		{"ephemeralContainers", "runs any image in Pods, with the rights of their ServiceAccounts",
			[]right{{resources: []string{"pods/ephemeralcontainers"}, verbs: edit}}},
		{"tokens", "makes tokens of ServiceAccounts",
			[]right{{resources: []string{"serviceaccounts/token"}, verbs: []string{"create"}}}},
		{"nodesProxy", "calls the kubelets, which run commands in every Pod",
			[]right{{resources: []string{nodesProxy}, verbs: every, clusterWide: true}}},
		{"secrets", "reads Secrets, and with them tokens and keys", []right{{resources: []string{"secrets"}, verbs: read}}},
		{"workloads", "runs Pods with any ServiceAccount and Secret of their namespace", []right{
			{resources: []string{"pods"}, verbs: []string{"create"}},
			{resources: []string{"replicationcontrollers"}, verbs: write},
			{group: "apps", resources: []string{"deployments", "daemonsets", "replicasets", "statefulsets"}, verbs: write},
			{group: "batch", resources: []string{"jobs", "cronjobs"}, verbs: write},
		}},
		{"certificates", "makes certificates in the name of others", []right{{
			group: "certificates.k8s.io", resources: []string{"signers"}, verbs: []string{"approve", "sign"},
			isEnough: isKubernetes, clusterWide: true,
		}}},
		{"webhooks", "sees and changes what others write", []right{{
			group: "admissionregistration.k8s.io", verbs: write, clusterWide: true, resources: []string{
				"mutatingwebhookconfigurations", "validatingwebhookconfigurations",
				"mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
			},
		}}},
		{"persistentVolumes", "makes volumes of any directory of a node",
			[]right{{resources: []string{"persistentvolumes"}, verbs: []string{"create"}, clusterWide: true}}},
		{"namespaces", "changes labels by which policies choose namespaces",
			[]right{{resources: []string{"namespaces"}, verbs: edit, clusterWide: true}}},
	}
}

// held is one right to one verb for one resource; name is "" for all objects.
type held struct{ way, group, resource, verb, name string }

// heldBy are the rights of a right that a rule gives.
func (r right) heldBy(way string, rule rbacv1.PolicyRule) []held {
	if len(rule.APIGroups) == 0 || !isOfGroup(rule, r.group) {
		return nil
	}
	names := []string{""}
	if len(rule.ResourceNames) > 0 {
		if r.isEnough == nil {
			return nil
		}
		names = slices.DeleteFunc(slices.Clone(rule.ResourceNames), func(name string) bool { return !r.isEnough(name) })
	}
	var all []held
	for _, resource := range r.resources {
		if !coversResource(rule, resource) {
			continue
		}
		for _, verb := range r.verbs {
			if !slices.Contains(rule.Verbs, verb) && !slices.Contains(rule.Verbs, rbacv1.VerbAll) {
				continue
			}
			for _, name := range names {
				all = append(all, held{way, r.group, resource, verb, name})
			}
		}
	}
	return all
}

// coversResource says whether a rule is for a resource, as RBAC reads it: */exec has pods/exec in it, pods/* has not.
func coversResource(rule rbacv1.PolicyRule, resource string) bool {
	_, sub, isSub := strings.Cut(resource, "/")
	return slices.ContainsFunc(rule.Resources, func(has string) bool {
		return has == resource || has == rbacv1.ResourceAll || isSub && has == "*/"+sub
	})
}
