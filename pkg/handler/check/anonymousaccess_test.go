// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestAnonymousAccess(t *testing.T) {
	binding := func(kind, role, subjects string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ` + kind + `, metadata: {name: b}, roleRef: ` + role +
			`, subjects: [` + subjects + `]}`
	}
	const view = `{kind: ClusterRole, name: view}`
	const unauthenticated = `{kind: Group, name: "system:unauthenticated"}`
	fault := func(i, subject, role string) string {
		return "subjects[" + i + "]: " + subject + " is given " + role + "; bind it to users that are known"
	}
	testRows(t, "anonymousAccess", map[string]row{
		"somebody": {object: binding("RoleBinding", view, `{kind: User, name: jane}, {kind: ServiceAccount, name: a}`)},
		"nobody":   {object: binding("ClusterRoleBinding", view, ``)},
		"the group": {object: binding("ClusterRoleBinding", view, unauthenticated), want: []string{
			fault("0", `Group "system:unauthenticated"`, `ClusterRole "view"`)}},
		"the user": {object: binding("RoleBinding", `{kind: Role, name: r}`, `{kind: User, name: jane}, {kind: User, name: "system:anonymous"}`), want: []string{
			fault("1", `User "system:anonymous"`, `Role "r"`)}},
		"a user called so": {object: binding("RoleBinding", view, `{kind: User, name: "system:unauthenticated"}`)},
		"Kubernetes' own":  {object: binding("ClusterRoleBinding", `{kind: ClusterRole, name: "system:public-info-viewer"}`, unauthenticated)},
		"a Role called so": {object: binding("RoleBinding", `{kind: Role, name: "system:public-info-viewer"}`, unauthenticated), want: []string{
			fault("0", `Group "system:unauthenticated"`, `Role "system:public-info-viewer"`)}},
		"everybody": {
			params: `deniedGroups: ["system:authenticated"]`,
			object: binding("ClusterRoleBinding", view, `{kind: Group, name: "system:authenticated"}`),
			want:   []string{fault("0", `Group "system:authenticated"`, `ClusterRole "view"`)},
		},
	})
}
