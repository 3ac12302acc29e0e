// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

// Operators have whole groups of their own, and rights over those are no one else's business.
func TestRBACWildcardsByGroup(t *testing.T) {
	const groups = `apiGroups: [{name: "*.istio.io", allowedWildcards: [resources]}, {name: example.com, allowedWildcards: [resources, verbs]}]`
	fault := func(field, value string) string {
		return "rules[0]." + field + `[0]: "` + value + `" in ` + field + " stands for more than one can know; name them"
	}
	testRows(t, "rbacWildcards", map[string]row{
		"a group below":      {params: groups, object: roleWith(`{apiGroups: [config.istio.io], resources: ["*"], verbs: [get, list, watch]}`)},
		"its verbs":          {params: groups, object: roleWith(`{apiGroups: [config.istio.io], resources: ["*"], verbs: ["*"]}`), want: []string{fault("verbs", "*")}},
		"the name itself":    {params: groups, object: roleWith(`{apiGroups: [istio.io], resources: ["*"], verbs: [get]}`), want: []string{fault("resources", "*")}},
		"a name like it":     {params: groups, object: roleWith(`{apiGroups: [evil-istio.io], resources: ["*"], verbs: [get]}`), want: []string{fault("resources", "*")}},
		"both":               {params: groups, object: roleWith(`{apiGroups: [example.com], resources: ["*"], verbs: ["*"]}`)},
		"with another group": {params: groups, object: roleWith(`{apiGroups: [example.com, apps], resources: ["*"], verbs: [get]}`), want: []string{fault("resources", "*")}},
		"all groups":         {params: groups, object: roleWith(`{apiGroups: ["*"], resources: [pods], verbs: [get]}`), want: []string{fault("apiGroups", "*")}},
		"no group":           {params: groups, object: roleWith(`{resources: ["*"], verbs: [get]}`), want: []string{fault("resources", "*")}},
	})
	testInvalid(t, "rbacWildcards", `apiGroups: [{name: "*"}, {name: ""}, {name: a.b, allowedWildcards: [apiGroups]}]`,
		"p.apiGroups[0].name", "p.apiGroups[1].name", "p.apiGroups[2].allowedWildcards[0]")
}

// A verb gives more than its rule says where an authorizer asks about it.
func TestDeniedVerbsWhereTheyMeanSomething(t *testing.T) {
	for rule, denied := range map[string]bool{
		`{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [bind]}`:                true,
		`{apiGroups: ["*"], resources: [clusterroles], resourceNames: [x], verbs: [escalate]}`:       true,
		`{apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: [bind]}`:         false,
		`{apiGroups: [example.com], resources: [pipes], verbs: [bind]}`:                              false,
		`{apiGroups: [""], resources: [users], verbs: [impersonate]}`:                                true,
		`{apiGroups: [authentication.k8s.io], resources: [userextras/scopes], verbs: [impersonate]}`: true,
		`{apiGroups: [""], resources: [pods], verbs: [impersonate]}`:                                 false,
		`{apiGroups: [certificates.k8s.io], resources: [signers], verbs: [sign]}`:                    true,
		`{apiGroups: [example.com], resources: [documents], verbs: [sign]}`:                          false,
		`{apiGroups: [example.com], resources: [documents], verbs: [frobnicate]}`:                    true,
		`{nonResourceURLs: [/metrics], verbs: [bind]}`:                                               false,
		`{apiGroups: [apps], resources: [deployments], verbs: ["*"]}`:                                true, // for frobnicate
		`{apiGroups: [""], resources: [nodes/proxy], verbs: [get]}`:                                  true,
		`{apiGroups: ["*"], resources: [nodes/proxy], verbs: [create]}`:                              true,
		`{apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}`:                            true,
		`{apiGroups: [""], resources: [nodes, nodes/metrics, services/proxy], verbs: [get]}`:         false,
		`{apiGroups: [example.com], resources: [nodes/proxy], verbs: [get]}`:                         false,
		`{apiGroups: [apps], resources: ["*"], verbs: [get]}`:                                        false,
	} {
		const params = `{allowedWildcards: [apiGroups, resources, verbs, nonResourceURLs], deniedVerbs: [bind, escalate, impersonate, sign, frobnicate]}`
		got, err := built(t, definition(t, "rbacWildcards"), params).Evaluate(t.Context(), requestOf(t, "CREATE", roleWith(rule)))
		if err != nil || (len(got) > 0) != denied {
			t.Errorf("%s: got %q, %v", rule, shown(got), err)
		}
	}
	testRows(t, "rbacWildcards", map[string]row{
		"only those that mean something": {params: `{allowedWildcards: [verbs], deniedVerbs: [bind, impersonate]}`,
			object: roleWith(`{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: ["*"]}`),
			want:   []string{`rules[0].verbs[0]: verb "*" stands for bind as well; name the verbs`}},
		"none of them": {params: `{allowedWildcards: [verbs], deniedVerbs: [bind]}`,
			object: roleWith(`{apiGroups: [apps], resources: [deployments], verbs: ["*"]}`)},
		"without denied verbs": {object: roleWith(`{apiGroups: [""], resources: [nodes/proxy], verbs: [get]}`)},
	})
}
