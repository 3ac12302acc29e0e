// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

func TestRBACWildcards(t *testing.T) {
	role := func(kind, rule string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ` + kind + `, metadata: {name: r}, rules: [{verbs: [get]}, ` + rule + `]}`
	}
	fault := func(field, value string) string {
		return "rules[1]." + field + `[0]: "` + value + `" in ` + field + " stands for more than one can know; name them"
	}
	testRows(t, "rbacWildcards", map[string]row{
		"exact": {object: role("Role", `{apiGroups: [""], resources: [pods], verbs: [get, escalate]}`)},
		"all": {object: role("ClusterRole", `{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}, {nonResourceURLs: ["/x*"]}`), want: []string{
			fault("verbs", "*"), fault("apiGroups", "*"), fault("resources", "*"),
			`rules[2].nonResourceURLs[0]: "/x*" in nonResourceURLs stands for more than one can know; name them`}},
		"subresources": {object: role("Role", `{resources: ["*/scale"]}`), want: []string{fault("resources", "*/scale")}},
		"allowed":      {params: `allowedWildcards: [resources]`, object: role("Role", `{resources: ["*"], verbs: ["*"]}`), want: []string{fault("verbs", "*")}},
		"denied verb": {params: `deniedVerbs: [bind]`, object: role("Role", `{verbs: [get, bind]}`), want: []string{
			`rules[1].verbs[1]: verb "bind" gives rights beyond those of the rule; remove it`}},
		"denied verb in all": {params: `{deniedVerbs: [bind, escalate], allowedWildcards: [verbs]}`, object: role("Role", `{verbs: ["*"]}`), want: []string{
			`rules[1].verbs[0]: verb "*" stands for bind, escalate as well; name the verbs`}},
		"all verbs": {params: `allowedWildcards: [verbs]`, object: role("Role", `{verbs: ["*"]}`)},
		"sum of all": {
			object: `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, aggregationRule: {
				clusterRoleSelectors: [{matchLabels: {a: b}}, {}, {matchExpressions: [{key: a, operator: Exists}]}]}}`,
			want: []string{"aggregationRule.clusterRoleSelectors[1]: an empty selector gives the rights of all ClusterRoles; name labels"},
		},
		"binding": {object: `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: "*"}}`},
	})
	testInvalid(t, "rbacWildcards", `{allowedWildcards: [all, verbs], deniedVerbs: ["*", ""]}`,
		"p.allowedWildcards[0]", "p.deniedVerbs[0]", "p.deniedVerbs[1]")
}

func TestRBACWildcardsIdentity(t *testing.T) {
	role := func(resources string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r}, rules: [{resources: [` + resources +
			`], verbs: ["*"]}]}`
	}
	testUpdate(t, "rbacWildcards", "", role("pods"), role("pods"), true)
	testUpdate(t, "rbacWildcards", "", role("pods"), role("pods, secrets"), false)
}

// The control plane's own roles are full of wildcards, and are written by it.
func TestRBACLeavesTheControlPlaneAlone(t *testing.T) {
	for user, allowed := range map[string]bool{
		"system:apiserver": true,
		"system:serviceaccount:kube-system:clusterrole-aggregation-controller": true,
		"system:serviceaccount:shop:clusterrole-aggregation-controller":        false,
		"jane": false,
	} {
		for _, name := range []string{"rbacWildcards", "anonymousAccess"} {
			d := definition(t, name)
			req := requestOf(t, admissionv1.Create, d.Doc.Denied)
			req.UserInfo.Username = user
			if got := answer(t, built(t, d, d.Doc.Parameters), req); got.Allowed != allowed {
				t.Errorf("%s of %s: allowed: %t", name, user, got.Allowed)
			}
		}
	}
}
