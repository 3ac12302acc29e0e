// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// rules are the rules of both roles of the base or of the overlay.
func rules(t *testing.T, directory string) []rbacv1.PolicyRule {
	t.Helper()
	var all []rbacv1.PolicyRule
	for _, file := range []string{"clusterrole.yaml", "role.yaml"} {
		all = append(all, rulesOf(t, decode(t, filepath.Join(directory, file)))...)
	}
	return all
}

func rulesOf(t *testing.T, object runtime.Object) []rbacv1.PolicyRule {
	t.Helper()
	switch role := object.(type) {
	case *rbacv1.ClusterRole:
		return role.Rules
	case *rbacv1.Role:
		return role.Rules
	default:
		t.Fatalf("%T is not a role", object)
		return nil
	}
}

// verbsOn are the verbs that the rules allow on a resource.
func verbsOn(rules []rbacv1.PolicyRule, resource string) []string {
	var verbs []string
	for _, rule := range rules {
		if slices.Contains(rule.Resources, resource) {
			verbs = append(verbs, rule.Verbs...)
		}
	}
	slices.Sort(verbs)
	return slices.Compact(verbs)
}

func TestLeastPrivilege(t *testing.T) {
	for directory, signer := range map[string]string{
		"base":  "hookstrap.dev/serving",
		overlay: "kubernetes.io/kubelet-serving",
	} {
		t.Run(directory, func(t *testing.T) {
			for _, rule := range rules(t, directory) {
				if fault := tooMuch(rule, signer); fault != "" {
					t.Errorf("%v: %s", rule, fault)
				}
			}
		})
	}
}

// unnamed are the resources whose objects' names cannot be known beforehand, and the verbs that may go without a name.
var unnamed = map[string][]string{
	"certificatesigningrequests":          {"create", "get", "list", "watch"},
	"certificatesigningrequests/approval": {"update"},
	"certificatesigningrequests/status":   {"update"},
	"events":                              {"create", "patch"},
	"secrets":                             {"create"},
	"subjectaccessreviews":                {"create"},
	"tokenreviews":                        {"create"},
}

// tooMuch says what a rule allows beyond need, or nothing.
func tooMuch(rule rbacv1.PolicyRule, signer string) string {
	for _, value := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.ResourceNames) {
		if strings.Contains(value, "*") {
			return "it has a wildcard"
		}
	}
	for _, resource := range rule.Resources {
		if resource == "signers" && !slices.Equal(rule.ResourceNames, []string{signer}) {
			return "it is for another signer than " + signer
		}
		for _, verb := range rule.Verbs {
			if len(rule.ResourceNames) == 0 && !slices.Contains(unnamed[resource], verb) {
				return "it allows to " + verb + " every object of " + resource
			}
		}
	}
	return ""
}

func TestTooMuch(t *testing.T) {
	rule := func(resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{resource}, Verbs: verbs}
	}
	signers := rule("signers", "approve")
	signers.ResourceNames = []string{"kubernetes.io/kube-apiserver-client"}
	named := rule("secrets", "get")
	named.ResourceNames = []string{"hookstrap-ca"}
	for name, tt := range map[string]struct {
		rule rbacv1.PolicyRule
		want bool
	}{
		"all secrets":     {rule("secrets", "get"), true},
		"one secret":      {named, false},
		"every verb":      {rule("secrets", "*"), true},
		"every signer":    {rule("signers", "approve"), true},
		"another signer":  {signers, true},
		"create a secret": {rule("secrets", "create"), false},
		"delete requests": {rule("certificatesigningrequests", "create", "delete"), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tooMuch(tt.rule, "hookstrap.dev/serving"); (got != "") != tt.want {
				t.Errorf("tooMuch: %q, want a fault: %t", got, tt.want)
			}
		})
	}
}

// With the cluster's signer there is no CA of ours: nothing to sign with, and no Secret.
func TestOverlayNeitherSignsNorTouchesSecrets(t *testing.T) {
	for _, resource := range []string{"secrets", "certificatesigningrequests/status"} {
		if verbs := verbsOn(rules(t, overlay), resource); len(verbs) != 0 {
			t.Errorf("the overlay allows to %v %s", verbs, resource)
		}
		if verbs := verbsOn(rules(t, "base"), resource); len(verbs) == 0 {
			t.Errorf("the base does not allow anything on %s, so that this test proves nothing", resource)
		}
	}
	if verbs := verbsOn(rules(t, overlay), "signers"); !slices.Equal(verbs, []string{"approve"}) {
		t.Errorf("the overlay allows to %v signers, want approve alone", verbs)
	}
}

func TestBindingsGiveTheRolesToTheServiceAccount(t *testing.T) {
	account := load[corev1.ServiceAccount](t, "serviceaccount.yaml")
	want := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: account.Name, Namespace: account.Namespace}
	role := load[rbacv1.RoleBinding](t, "rolebinding.yaml")
	clusterRole := load[rbacv1.ClusterRoleBinding](t, "clusterrolebinding.yaml")
	for _, subjects := range [][]rbacv1.Subject{role.Subjects, clusterRole.Subjects} {
		if !slices.Equal(subjects, []rbacv1.Subject{want}) {
			t.Errorf("subjects %v, want %v alone", subjects, want)
		}
	}
	if role.RoleRef.Name != load[rbacv1.Role](t, "role.yaml").Name ||
		clusterRole.RoleRef.Name != load[rbacv1.ClusterRole](t, "clusterrole.yaml").Name {
		t.Errorf("the bindings refer to %s and %s", role.RoleRef.Name, clusterRole.RoleRef.Name)
	}
	if got := deployment(t).Spec.Template.Spec.ServiceAccountName; got != account.Name {
		t.Errorf("the Pods run as %s, want %s", got, account.Name)
	}
}
