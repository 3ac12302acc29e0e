// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// The ways to more rights that a rule gives to a ClusterRole and to a Role, of all that are known.
func TestRBACEscalationWays(t *testing.T) {
	const all = `{deniedInClusterRoles: [escalate, bind, impersonate, exec, attach, ephemeralContainers, tokens, nodesProxy,
		secrets, workloads, certificates, webhooks, persistentVolumes, namespaces, aggregation], deniedInRoles: [escalate, bind,
		impersonate, exec, attach, ephemeralContainers, tokens, secrets, workloads]}`
	for rule, want := range map[string][2]string{
		`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [escalate]}`:                                          {"escalate", ""},
		`{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: ["*"]}`:                                                      {"escalate bind", "escalate bind"},
		`{apiGroups: [rbac.authorization.k8s.io], resources: [roles], resourceNames: [r], verbs: [escalate, bind]}`:                       {"escalate", "escalate"},
		`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind]}`:                                              {"bind", "bind"},
		`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view], verbs: [bind]}`:                       {"", ""},
		`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view, cluster-admin], verbs: [bind]}`:        {"bind", "bind"},
		`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles, rolebindings], verbs: [get, list, watch, create, update]}`:    {"", ""},
		`{apiGroups: [example.com], resources: [roles], verbs: [escalate, bind]}`:                                                         {"", ""},
		`{apiGroups: [""], resources: [users], verbs: [impersonate]}`:                                                                     {"impersonate", ""},
		`{apiGroups: [""], resources: [users], resourceNames: [jane], verbs: [impersonate]}`:                                              {"", ""},
		`{apiGroups: [""], resources: [users], resourceNames: ["system:kube-controller-manager"], verbs: [impersonate]}`:                  {"impersonate", ""},
		`{apiGroups: [""], resources: [groups], resourceNames: ["system:masters"], verbs: [impersonate]}`:                                 {"impersonate", ""},
		`{apiGroups: [""], resources: [groups], resourceNames: [support], verbs: [impersonate]}`:                                          {"", ""},
		`{apiGroups: [""], resources: [serviceaccounts], verbs: [impersonate]}`:                                                           {"impersonate", "impersonate"},
		`{apiGroups: [""], resources: [pods/exec], verbs: [create]}`:                                                                      {"exec", "exec"},
		`{apiGroups: [""], resources: [pods/exec], verbs: [get]}`:                                                                         {"exec", "exec"},
		`{apiGroups: [""], resources: [pods/exec], verbs: [list, delete]}`:                                                                {"", ""},
		`{apiGroups: [""], resources: [pods/exec], resourceNames: [db-0], verbs: [create]}`:                                               {"", ""},
		`{apiGroups: [""], resources: ["*/attach"], verbs: ["*"]}`:                                                                        {"attach", "attach"},
		`{apiGroups: [""], resources: ["pods/*"], verbs: ["*"]}`:                                                                          {"", ""},
		`{apiGroups: [apps], resources: [pods/exec], verbs: ["*"]}`:                                                                       {"", ""},
		`{apiGroups: ["*"], resources: [pods/ephemeralcontainers], verbs: [patch]}`:                                                       {"ephemeralContainers", "ephemeralContainers"},
		`{apiGroups: [""], resources: [pods/ephemeralcontainers], verbs: [get]}`:                                                          {"", ""},
		`{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}`:                                                          {"tokens", "tokens"},
		`{apiGroups: [""], resources: [serviceaccounts/token], resourceNames: [app], verbs: [create]}`:                                    {"", ""},
		`{apiGroups: [""], resources: [serviceaccounts], verbs: [create]}`:                                                                {"", ""},
		`{apiGroups: [""], resources: [nodes/proxy], verbs: [get]}`:                                                                       {"nodesProxy", ""},
		`{apiGroups: [""], resources: [nodes, nodes/metrics, nodes/stats], verbs: [get]}`:                                                 {"", ""},
		`{apiGroups: [""], resources: [secrets], verbs: [watch]}`:                                                                         {"secrets", "secrets"},
		`{apiGroups: [""], resources: [secrets], resourceNames: [tls], verbs: [get, list, watch]}`:                                        {"", ""},
		`{apiGroups: [""], resources: [secrets], verbs: [create, delete]}`:                                                                {"", ""},
		`{apiGroups: [""], resources: [configmaps, pods, pods/log], verbs: [get, list, watch]}`:                                           {"", ""},
		`{apiGroups: [""], resources: [pods], verbs: [create]}`:                                                                           {"workloads", "workloads"},
		`{apiGroups: [""], resources: [pods], verbs: [delete, patch]}`:                                                                    {"", ""},
		`{apiGroups: [apps], resources: [deployments], verbs: [patch]}`:                                                                   {"workloads", "workloads"},
		`{apiGroups: [apps], resources: [deployments/scale], verbs: ["*"]}`:                                                               {"", ""},
		`{apiGroups: [batch], resources: [cronjobs], verbs: [create]}`:                                                                    {"workloads", "workloads"},
		`{apiGroups: [certificates.k8s.io], resources: [signers], verbs: [approve]}`:                                                      {"certificates", ""},
		`{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: ["kubernetes.io/kube-apiserver-client"], verbs: [sign]}`: {"certificates", ""},
		`{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: ["kubernetes.io/*"], verbs: [approve]}`:                  {"certificates", ""},
		`{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: ["example.com/serving"], verbs: [approve, sign]}`:        {"", ""},
		`{apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/approval], verbs: [update]}`:                           {"", ""},
		`{apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [update]}`:                        {"webhooks", ""},
		`{apiGroups: [admissionregistration.k8s.io], resources: [validatingwebhookconfigurations], resourceNames: [own], verbs: [patch]}`: {"", ""},
		`{apiGroups: [admissionregistration.k8s.io], resources: [validatingadmissionpolicies], verbs: [create]}`:                          {"", ""},
		`{apiGroups: [""], resources: [persistentvolumes], verbs: [create]}`:                                                              {"persistentVolumes", ""},
		`{apiGroups: [""], resources: [persistentvolumeclaims], verbs: [create]}`:                                                         {"", ""},
		`{apiGroups: [""], resources: [namespaces], verbs: [patch]}`:                                                                      {"namespaces", ""},
		`{nonResourceURLs: ["*"], verbs: ["*"]}`:                                                                                          {"", ""},
		`{resources: [pods/exec], verbs: [create]}`:                                                                                       {"", ""},
	} {
		for i, kind := range []string{"ClusterRole", "Role"} {
			manifest := strings.Replace(roleWith(rule), "kind: ClusterRole", "kind: "+kind, 1)
			got, err := built(t, definition(t, "rbacEscalation"), all).Evaluate(t.Context(), requestOf(t, admissionv1.Create, manifest))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, v := range got {
				name, _, _ := strings.Cut(v.Message, ":")
				names = append(names, name)
			}
			if strings.Join(names, " ") != want[i] {
				t.Errorf("%s in a %s: got %q, want %q", rule, kind, shown(got), want[i])
			}
		}
	}
}

func TestRBACEscalation(t *testing.T) {
	binding := func(kind, role, subjects string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ` + kind + `, metadata: {name: b, namespace: shop}, roleRef: ` + role +
			`, subjects: [` + subjects + `]}`
	}
	const admin, view = `{kind: ClusterRole, name: cluster-admin}`, `{kind: ClusterRole, name: view}`
	const jane, app = `{kind: User, name: jane}`, `{kind: ServiceAccount, namespace: shop, name: app}`
	const masters = `{kind: Group, name: "system:masters"}`
	given := func(i, who, role string) string {
		return "subjects[" + i + "]: " + who + ` is given ClusterRole "` + role + `", which is not to be bound; bind a role for what is needed`
	}
	const everything = `{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`
	aggregated := func(labels, selectors string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r, labels: ` + labels +
			`}, aggregationRule: {clusterRoleSelectors: [` + selectors + `]}}`
	}
	const toView = `{rbac.authorization.k8s.io/aggregate-to-view: "true"}`
	testRows(t, "rbacEscalation", map[string]row{
		"one right": {object: roleWith(`{apiGroups: [""], resources: [pods, pods/exec], verbs: [get, create]}`), want: []string{
			`rules[0]: exec: get, create of pods/exec runs commands in Pods, with the rights of their ServiceAccounts; leave it out, or name objects by resourceNames`}},
		"a named one": {object: roleWith(`{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [cluster-admin], verbs: [bind]}`), want: []string{
			`rules[0]: bind: bind of clusterroles gives roles that one does not have, as cluster-admin; leave it out`}},
		"each rule": {object: roleWith(`{apiGroups: [""], resources: [secrets], verbs: [get]}, {apiGroups: [""], resources: [pods], verbs: [get]},
			{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}`), want: []string{
			`rules[0]: secrets: get of secrets reads Secrets, and with them tokens and keys; leave it out, or name objects by resourceNames`,
			`rules[2]: tokens: create of serviceaccounts/token makes tokens of ServiceAccounts; leave it out, or name objects by resourceNames`}},
		"everything": {object: roleWith(everything), want: []string{
			`rules[0]: gives 12 ways to more rights than it names: escalate, bind, impersonate, exec, attach, ephemeralContainers, ` +
				`tokens, nodesProxy, secrets, certificates, webhooks, persistentVolumes; name the verbs, resources and API groups that are needed`}},
		"narrowed": {params: `deniedInClusterRoles: [nodesProxy]`, object: roleWith(`{apiGroups: [""], resources: [secrets, pods/exec], verbs: ["*"]}`)},
		"narrowed, and everything": {params: `deniedInClusterRoles: [nodesProxy]`, object: roleWith(everything), want: []string{
			`rules[0]: nodesProxy: get, list, watch, create, update, patch, delete of nodes/proxy calls the kubelets, which run commands in every Pod; leave it out, or name objects by resourceNames`}},
		"workloads by default": {object: roleWith(`{apiGroups: [apps, batch], resources: ["*"], verbs: [create, update]}`)},
		"a sum of all": {object: aggregated(`{}`, `{}`), want: []string{
			`aggregationRule.clusterRoleSelectors[0]: an empty selector gives the rights of all ClusterRoles; name labels`}},
		"a sum of some":   {object: aggregated(`{}`, `{matchLabels: {a: b}}`)},
		"a sum, narrowed": {params: `deniedInClusterRoles: [exec]`, object: aggregated(`{}`, `{}`)},
		"a part":          {object: aggregated(toView, ``)},
		"a part, denied": {params: `deniedAggregation: [view]`, object: aggregated(toView, ``), want: []string{
			`metadata.labels[rbac.authorization.k8s.io/aggregate-to-view]: the rights are added to ClusterRole "view", and so given to all who have that; bind the role by itself`}},
		"a part of another role": {params: `deniedAggregation: [edit]`, object: aggregated(toView, ``)},
		"no part":                {params: `deniedAggregation: [view]`, object: aggregated(strings.Replace(toView, "true", "false", 1), ``)},

		"cluster-admin": {object: binding("ClusterRoleBinding", admin, jane+", "+app), want: []string{
			given("0", `User "jane"`, "cluster-admin"), given("1", `ServiceAccount "shop/app"`, "cluster-admin")}},
		"cluster-admin in a namespace": {object: binding("RoleBinding", admin, app), want: []string{
			given("0", `ServiceAccount "shop/app"`, "cluster-admin")}},
		"cluster-admin for none": {object: binding("ClusterRoleBinding", admin, ``)},
		"a Role called so":       {object: binding("RoleBinding", `{kind: Role, name: cluster-admin}`, jane)},
		"another role":           {object: binding("RoleBinding", view, jane)},
		"another role, denied": {params: `deniedClusterRoles: [view, admin]`, object: binding("RoleBinding", view, jane), want: []string{
			given("0", `User "jane"`, "view")}},
		"system:masters": {object: binding("RoleBinding", view, jane+", "+masters), want: []string{
			`subjects[1]: Group "system:masters" is given ClusterRole "view", and is a group to which nothing is to be bound; bind another one`}},
		"a user called so": {object: binding("RoleBinding", view, `{kind: User, name: "system:masters"}`)},
		"other groups": {params: `deniedGroups: ["system:authenticated"]`, object: binding("ClusterRoleBinding", `{kind: ClusterRole, name: view}`,
			masters+`, {kind: Group, name: "system:authenticated"}`), want: []string{
			`subjects[1]: Group "system:authenticated" is given ClusterRole "view", and is a group to which nothing is to be bound; bind another one`}},
	})
	testInvalid(t, "rbacEscalation", `{deniedInClusterRoles: [exec, execute], deniedInRoles: [secrets, nodesProxy, aggregation]}`,
		"p.deniedInClusterRoles[1]", "p.deniedInRoles[1]", "p.deniedInRoles[2]")
}

// What a role or binding gave before may stay, in whichever rule it stands, and become less.
func TestRBACEscalationUpdates(t *testing.T) {
	const exec, wild = `{apiGroups: [""], resources: [pods/exec], verbs: [create]}`, `{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`
	for title, tt := range map[string]struct {
		before, after string
		allowed       bool
	}{
		"the same":               {exec, exec, true},
		"in another rule":        {exec, `{apiGroups: ["", apps], resources: [pods, pods/exec], verbs: [list, create]}`, true},
		"split in two":           {`{apiGroups: [""], resources: [pods/exec, secrets], verbs: [create, get]}`, exec + `, {apiGroups: [""], resources: [secrets], verbs: [get]}`, true},
		"from two":               {exec + `, {apiGroups: [""], resources: [secrets], verbs: [get]}`, `{apiGroups: [""], resources: [pods/exec, secrets], verbs: [create]}`, true},
		"less than all":          {wild, exec, true},
		"limited to objects":     {`{apiGroups: [certificates.k8s.io], resources: [signers], verbs: [sign]}`, `{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/x], verbs: [sign]}`, true},
		"no longer limited":      {`{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/x], verbs: [sign]}`, `{apiGroups: [certificates.k8s.io], resources: [signers], verbs: [sign]}`, false},
		"another object":         {`{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/x], verbs: [sign]}`, `{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/y], verbs: [sign]}`, false},
		"all Pods, not one":      {strings.Replace(exec, "verbs", "resourceNames: [a], verbs", 1), exec, false},
		"another verb":           {exec, strings.Replace(exec, "create", "get", 1), false},
		"another way":            {exec, strings.Replace(exec, "exec", "attach", 1), false},
		"all":                    {exec, wild, false},
		"new":                    {``, exec, false},
		"beside what was before": {exec, exec + `, {apiGroups: [""], resources: [secrets], verbs: [get]}`, false},
	} {
		t.Run(title, func(t *testing.T) {
			testUpdate(t, "rbacEscalation", "", roleWith(tt.before), roleWith(tt.after), tt.allowed)
		})
	}
	binding := func(subjects string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: b}, ` +
			`roleRef: {kind: ClusterRole, name: cluster-admin}, subjects: [` + subjects + `]}`
	}
	const jane, joe = `{kind: User, name: jane}`, `{kind: User, name: joe}`
	testUpdate(t, "rbacEscalation", "", binding(jane+","+joe), binding(joe), true)
	testUpdate(t, "rbacEscalation", "", binding(jane), binding(joe+","+jane), false)
	testUpdate(t, "rbacEscalation", "", binding(jane), binding(`{kind: Group, name: jane}`), false)
}

// The control plane binds cluster-admin itself when a cluster begins.
func TestRBACEscalationLeavesTheControlPlaneAlone(t *testing.T) {
	const binding = `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: cluster-admin}, ` +
		`roleRef: {kind: ClusterRole, name: cluster-admin}, subjects: [{kind: Group, name: "system:masters"}]}`
	for user, allowed := range map[string]bool{"system:apiserver": true, "system:serviceaccount:kube-system:addon": false} {
		req := requestOf(t, admissionv1.Create, binding)
		req.UserInfo.Username = user
		if got := answer(t, built(t, definition(t, "rbacEscalation"), ""), req); got.Allowed != allowed {
			t.Errorf("%s: allowed: %t", user, got.Allowed)
		}
	}
}
