// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// anonymousAccess denies RoleBindings and ClusterRoleBindings that give rights to anonymous users.
type anonymousAccess struct {
	// DeniedUsers are users to whom nothing may be bound.
	DeniedUsers []string `json:"deniedUsers"`
	// DeniedGroups are groups to which nothing may be bound. system:authenticated is one to think of.
	DeniedGroups []string `json:"deniedGroups"`
	// AllowedClusterRoles are ClusterRoles that may be bound to anybody all the same.
	AllowedClusterRoles []string `json:"allowedClusterRoles,omitempty"`
}

func anonymousAccessDefinition() handler.Definition {
	return handler.Define("anonymousAccess", handler.Doc{
		Summary: "No role is bound to anonymous users.",
		Why: "What is bound to system:anonymous or system:unauthenticated belongs to everybody who reaches the API " +
			"server, without a password or a certificate.",
	}, func() anonymousAccess {
		return anonymousAccess{
			DeniedUsers: []string{"system:anonymous"}, DeniedGroups: []string{"system:unauthenticated"},
			// Kubernetes' own, for the version and the health of the API server.
			AllowedClusterRoles: []string{"system:public-info-viewer"},
		}
	}, func(p anonymousAccess, _ handler.Environment) (handler.Check, error) {
		return ruleFunc{"anonymousAccess", p.evaluate}, nil
	})
}

func (p anonymousAccess) evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	// A ClusterRoleBinding is read as a RoleBinding: they have the same subjects.
	binding, ok, err := objectOf[rbacv1.RoleBinding](req,
		rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"))
	if err != nil || !ok || isControlPlane(req) {
		return nil, err
	}
	role := binding.RoleRef
	if role.Kind == "ClusterRole" && slices.Contains(p.AllowedClusterRoles, role.Name) {
		return nil, nil
	}
	var violations []handler.Violation
	name := brief(role.Name)
	for i, subject := range heeded(ctx, binding.Subjects) {
		if p.denies(subject) {
			violations = append(violations, keep(handler.Violationf(field.NewPath("subjects").Index(i),
				"%s %q is given %s %q; bind it to users that are known", subject.Kind, subject.Name, role.Kind, name)))
		}
	}
	return violations, ctx.Err()
}

func (p anonymousAccess) denies(subject rbacv1.Subject) bool {
	switch subject.Kind {
	case rbacv1.UserKind:
		return slices.Contains(p.DeniedUsers, subject.Name)
	case rbacv1.GroupKind:
		return slices.Contains(p.DeniedGroups, subject.Name)
	}
	return false
}
