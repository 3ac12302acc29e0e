// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// isDefaultSum says whether a controller writes the sum of roles into one of the three ClusterRoles that Kubernetes
// itself makes of others, and could not do without. They exist in every cluster, so that their names cannot be taken.
// Any other sum is looked at like a role that somebody wrote: among its parts may be roles that are exempt, that are
// older than the check, or that are Kubernetes' own.
func isDefaultSum(req *handler.Request) bool {
	return req.UserInfo.Username == aggregationController && req.Kind.Kind == "ClusterRole" &&
		slices.Contains([]string{"admin", "edit", "view"}, req.Name)
}

// aggregates reports selectors of an aggregation that select roles which have no label for it. A role whose
// rules a controller fills is judged by what it can come to hold, before it holds it.
func aggregates(ctx context.Context, rule *rbacv1.AggregationRule) []handler.Violation {
	if rule == nil {
		return nil
	}
	var violations []handler.Violation
	for i, selector := range heeded(ctx, rule.ClusterRoleSelectors) {
		if problem := selectsTooMuch(selector); problem != "" {
			path := field.NewPath("aggregationRule", "clusterRoleSelectors").Index(i)
			v := handler.Violationf(path, "%s; name labels", problem)
			v.Identity = v.Message + digest(selector.String())
			violations = append(violations, v)
		}
	}
	return violations
}

// selectsTooMuch says what a selector selects that it should not, or nothing.
func selectsTooMuch(selector metav1.LabelSelector) string {
	matches, err := metav1.LabelSelectorAsSelector(&selector)
	switch {
	case err != nil:
		return "the selector cannot be read"
	case matches.Empty():
		return "an empty selector gives the rights of all ClusterRoles"
	case matches.Matches(labels.Set{}):
		return "the selector gives the rights of all ClusterRoles without labels"
	case matches.Matches(labels.Set{"kubernetes.io/bootstrapping": "rbac-defaults"}):
		return "the selector gives the rights of Kubernetes' own ClusterRoles, as of cluster-admin"
	}
	return ""
}
