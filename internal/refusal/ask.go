// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// ask returns which of the rights are missing, and if one with a name is, what the rules in the namespace allow. Every
// ServiceAccount may ask (ClusterRole system:basic-user).
func ask(
	ctx context.Context, cfg *rest.Config, rights []Right, namespace string,
) (missing []Right, allowed []authorizationv1.ResourceRule, err error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("making the client that asks for rights: %w", err)
	}
	reviews := client.AuthorizationV1()
	named := false
	for _, right := range rights {
		review, err := reviews.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &right.ResourceAttributes},
		}, metav1.CreateOptions{})
		if err != nil {
			return nil, nil, fmt.Errorf("asking for a right: %w", err)
		}
		if !review.Status.Allowed {
			missing = append(missing, right)
			named = named || right.Option != ""
		}
	}
	if !named || namespace == "" {
		return missing, nil, nil
	}
	// What this cannot tell, with another authorizer than RBAC for instance, is a hint less.
	rules, err := reviews.SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
	}, metav1.CreateOptions{})
	if err == nil {
		allowed = rules.Status.ResourceRules
	}
	return missing, allowed, nil
}

// ruleText writes rights as the rules of a ClusterRole, and of a Role for each namespace: one rule for the verbs of one
// object.
func ruleText(rights []Right) string {
	var rules []string
	for i, right := range rights {
		same := func(other Right) bool { return ruleOf(other) == ruleOf(right) }
		if slices.ContainsFunc(rights[:i], same) {
			continue
		}
		var verbs []string
		for _, other := range rights[i:] {
			if same(other) {
				verbs = append(verbs, other.Verb)
			}
		}
		rules = append(rules, ruleOf(right, verbs...))
	}
	return strings.Join(rules, "; ")
}

// ruleOf is the rule that allows verbs for what right is about.
func ruleOf(right Right, verbs ...string) string {
	names, scope := "", ""
	if right.Name != "" {
		names = fmt.Sprintf(", resourceNames: [%s]", right.Name)
	}
	if right.Namespace != "" {
		scope = " in namespace " + right.Namespace
	}
	return fmt.Sprintf("{apiGroups: [%q], resources: [%s]%s, verbs: [%s]}%s", right.Group,
		resourceOf(right.ResourceAttributes), names, strings.Join(verbs, ", "), scope)
}
