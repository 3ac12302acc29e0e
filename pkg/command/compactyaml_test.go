// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCompactYAML(t *testing.T) {
	role := rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"true", "x/y"}, Verbs: []string{"get", "*"}},
		{APIGroups: []string{}, Verbs: []string{"list"}},
	}}
	const want = `metadata:
  name: a
rules:
- apiGroups: [""]
  resources: ["true", x/y]
  verbs: [get, '*']
- verbs: [list]
`
	got, err := compactYAML(role)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
