// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shippedInForce is what the shipped role and matchConditions name; each site has a name of its own.
const shippedInForce = "default"

// InForceBinding is the name of the ClusterRoleBinding that puts the entries of this site in force, and of its role.
func (s *Site) InForceBinding() string { return s.Configuration + inForceSuffix }

// createInForce installs the role that the matchConditions ask for, and the binding to it, without subjects.
func (s *Site) createInForce(t testing.TB) {
	t.Helper()
	role := s.Shipped.InForce.DeepCopy()
	role.ObjectMeta = metav1.ObjectMeta{Name: s.InForceBinding()}
	for i := range role.Rules {
		role.Rules[i].ResourceNames = []string{s.Configuration}
	}
	rbac := s.Admin.RbacV1()
	_, err := rbac.ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{})
	must(t, err)
	s.CreateInForceBinding(t)
	cleanup(t, func(ctx context.Context) error {
		_ = rbac.ClusterRoleBindings().Delete(ctx, s.InForceBinding(), metav1.DeleteOptions{})
		return rbac.ClusterRoles().Delete(ctx, s.InForceBinding(), metav1.DeleteOptions{})
	})
}

// CreateInForceBinding installs the binding, without subjects.
func (s *Site) CreateInForceBinding(t testing.TB) {
	t.Helper()
	_, err := s.Admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.InForceBinding()},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: s.InForceBinding()},
	}, metav1.CreateOptions{})
	must(t, err)
}

// matchConditions are the shipped ones for this site, none unless its entries wait for a server.
func (s *Site) matchConditions(shipped []admissionv1.MatchCondition) []admissionv1.MatchCondition {
	if !s.Waits {
		return nil
	}
	var ours []admissionv1.MatchCondition
	for _, condition := range shipped {
		condition.Expression = strings.ReplaceAll(condition.Expression, `"`+shippedInForce+`"`, `"`+s.Configuration+`"`)
		ours = append(ours, condition)
	}
	return ours
}
