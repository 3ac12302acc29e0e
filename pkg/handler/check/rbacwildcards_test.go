// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
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
		"system:serviceaccount:shop:clusterrole-aggregation-controller": false,
		"jane": false,
	} {
		for _, name := range []string{"rbacWildcards", "rbacEscalation", "anonymousAccess"} {
			d := definition(t, name)
			req := requestOf(t, admissionv1.Create, d.Doc.Denied)
			req.UserInfo.Username = user
			if got := answer(t, built(t, d, d.Doc.Parameters), req); got.Allowed != allowed {
				t.Errorf("%s of %s: allowed: %t", name, user, got.Allowed)
			}
		}
	}
}

// A sum of roles is judged by what is added to it, no matter who writes it, but for the three that Kubernetes makes.
func TestSumsOfRolesAreLookedAt(t *testing.T) {
	sum := func(name, rules string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ` + name + `}, ` +
			`aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}, rules: [` + rules + `]}`
	}
	const wild, narrow = `{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`, `{apiGroups: [""], resources: [pods], verbs: [get]}`
	for title, tt := range map[string]struct {
		name, before, after string
		allowed             bool
	}{
		"harmless part":         {"sum", "", narrow, true},
		"part for everything":   {"sum", narrow, narrow + "," + wild, false},
		"it was there before":   {"sum", wild, wild + "," + narrow, true},
		"Kubernetes' own":       {"admin", narrow, narrow + "," + wild, true},
		"name like Kubernetes'": {"admin2", narrow, narrow + "," + wild, false},
	} {
		t.Run(title, func(t *testing.T) {
			req := requestOf(t, admissionv1.Update, sum(tt.name, tt.after))
			req.OldObject = requestOf(t, admissionv1.Update, sum(tt.name, tt.before)).Object
			req.UserInfo.Username = "system:serviceaccount:kube-system:clusterrole-aggregation-controller"
			for _, name := range []string{"rbacWildcards", "rbacEscalation"} {
				if got := answer(t, built(t, definition(t, name), ""), req); got.Allowed != tt.allowed {
					t.Errorf("%s: allowed: %t", name, got.Allowed)
				}
			}
			req.UserInfo.Username = "jane"
			if got := answer(t, built(t, definition(t, "rbacWildcards"), ""), req); got.Allowed && title == "Kubernetes' own" {
				t.Error("anybody may write it")
			}
		})
	}
}

// A selector names labels that somebody gives a role for it.
func TestSelectorsOfSums(t *testing.T) {
	const without, own = "without labels", "Kubernetes' own"
	for selector, want := range map[string]string{
		`{matchLabels: {a: b}}`:                                                                  "",
		`{matchExpressions: [{key: a, operator: Exists}]}`:                                       "",
		`{matchExpressions: [{key: a, operator: In, values: [b, c]}]}`:                           "",
		`{matchLabels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}`:                   "",
		`{matchLabels: {kubernetes.io/bootstrapping: rbac-defaults, a: b}}`:                      "",
		`{matchLabels: {a: b}, matchExpressions: [{key: c, operator: DoesNotExist}]}`:            "",
		`{matchExpressions: [{key: a, operator: DoesNotExist}]}`:                                 without,
		`{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}`:                           without,
		`{matchLabels: {kubernetes.io/bootstrapping: rbac-defaults}}`:                            own,
		`{matchExpressions: [{key: kubernetes.io/bootstrapping, operator: Exists}]}`:             own,
		`{matchExpressions: [{key: kubernetes.io/bootstrapping, operator: Frobs, values: [x]}]}`: "cannot be read",
	} {
		role := `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, aggregationRule: {clusterRoleSelectors: [` + selector + `]}}`
		got, err := built(t, definition(t, "rbacWildcards"), "").Evaluate(t.Context(), requestOf(t, admissionv1.Create, role))
		switch {
		case err != nil:
			t.Fatal(err)
		case (len(got) > 0) != (want != ""), want != "" && !strings.Contains(got[0].Message, want):
			t.Errorf("%s: got %v, want %q", selector, shown(got), want)
		}
	}
	sum := func(selectors string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, aggregationRule: {clusterRoleSelectors: [` + selectors + `]}}`
	}
	const noA, noB = `{matchExpressions: [{key: a, operator: DoesNotExist}]}`, `{matchExpressions: [{key: b, operator: DoesNotExist}]}`
	testUpdate(t, "rbacWildcards", "", sum(noA), sum(`{matchLabels: {c: d}}, `+noA), true)
	testUpdate(t, "rbacWildcards", "", sum(noA), sum(noB), false)
}
