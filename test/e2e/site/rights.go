// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// awaitRules waits until the API server has heard of both roles and their bindings, by the last rule of each: its
// authorizer follows them with watches of its own, and a server that comes too soon is refused.
func (s *Site) awaitRules(t testing.TB) {
	t.Helper()
	clustertest.Eventually(t, s.RulesKnown)
}

// RulesKnown says why the ServiceAccount may not do yet what the last rule of each role allows.
func (s *Site) RulesKnown(ctx context.Context) error {
	cluster, local := s.ClusterRole().Rules, s.Role().Rules
	return errors.Join(
		Allowed(ctx, s.Admin, s.Namespace, ServiceAccount, cluster[len(cluster)-1], ""),
		Allowed(ctx, s.Admin, s.Namespace, ServiceAccount, local[len(local)-1], s.Namespace),
	)
}

// Allowed says why a ServiceAccount may not do the first thing that a rule allows, in the namespace inside or, if that
// is "", in the whole cluster.
func Allowed(
	ctx context.Context, admin kubernetes.Interface, namespace, account string, rule rbacv1.PolicyRule, inside string,
) error {
	resource, subresource, _ := strings.Cut(rule.Resources[0], "/")
	attributes := &authorizationv1.ResourceAttributes{
		Namespace: inside, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: resource, Subresource: subresource,
	}
	if len(rule.ResourceNames) > 0 {
		attributes.Name = rule.ResourceNames[0]
	}
	review, err := admin.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: authority.ServiceAccountUser(namespace, account), ResourceAttributes: attributes,
		},
	}, metav1.CreateOptions{})
	if err == nil && !review.Status.Allowed {
		err = fmt.Errorf("not allowed to %v %v yet", rule.Verbs, rule.Resources)
	}
	return err
}
