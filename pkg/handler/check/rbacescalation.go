// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// rbacEscalation denies roles that give a way to rights which they do not name, and bindings to roles that have them
// all. A right that the role gave before an update, in whichever rule, may stay.
type rbacEscalation struct {
	// DeniedInClusterRoles are the ways that no ClusterRole may give: escalate, bind, impersonate, exec, attach,
	// ephemeralContainers, tokens, nodesProxy, secrets, workloads, certificates, webhooks, persistentVolumes, namespaces
	// or aggregation. A rule with resourceNames passes, unless one of the names is enough by itself, as a signer of
	// Kubernetes is; escalate always counts. Workloads are to create or change what runs Pods; namespaces, to change
	// their labels; aggregation, to get the rights of ClusterRoles that have no label for it.
	DeniedInClusterRoles []string `json:"deniedInClusterRoles"`
	// DeniedInRoles are the ways that no Role may give. A Role gives no right to what is in no namespace, such as nodes.
	DeniedInRoles []string `json:"deniedInRoles"`
	// DeniedClusterRoles are ClusterRoles that may not be bound, in no namespace either.
	DeniedClusterRoles []string `json:"deniedClusterRoles"`
	// DeniedGroups are groups to which no role may be bound, and which may not be impersonated: system:masters may do
	// everything, and no one can take that away.
	DeniedGroups []string `json:"deniedGroups"`
	// DeniedAggregation are ClusterRoles to which no other may be added by the label
	// rbac.authorization.k8s.io/aggregate-to-NAME: its rights go to all who have that role. view is one to think of.
	DeniedAggregation []string `json:"deniedAggregation,omitempty"`
}

// byAggregation is the way of ClusterRoles whose rules a controller fills in.
const byAggregation = "aggregation"

func rbacEscalationDefinition() handler.Definition {
	return handler.Define("rbacEscalation", handler.Doc{
		Summary: "Roles give no way to more rights than they name, and cluster-admin is not bound.",
		Why: "A right to one thing can be as good as a right to all: a user who reads Secrets has the tokens in them, and " +
			"one who runs a command in a Pod has the rights of its ServiceAccount. Such rights come with copied roles.",
	}, func() rbacEscalation {
		inRoles := []string{"escalate", "bind", "impersonate", "exec", "attach", "ephemeralContainers", "tokens", "secrets"}
		return rbacEscalation{
			DeniedInClusterRoles: append(slices.Clone(inRoles), "nodesProxy", "certificates", "webhooks", "persistentVolumes",
				byAggregation),
			DeniedInRoles: inRoles, DeniedClusterRoles: []string{"cluster-admin"}, DeniedGroups: []string{"system:masters"},
		}
	}, func(p rbacEscalation, _ handler.Environment) (handler.Check, error) {
		return ruleFunc{"rbacEscalation", p.evaluate}, nil
	})
}

// Values implements [handler.Enumerator].
func (rbacEscalation) Values() map[string][]string {
	names := []string{byAggregation}
	inRoles := []string{}
	for _, way := range escalations(nil, nil) {
		names = append(names, way.name)
		if slices.ContainsFunc(way.rights, func(r right) bool { return !r.clusterWide }) {
			inRoles = append(inRoles, way.name)
		}
	}
	return map[string][]string{"deniedInClusterRoles": names, "deniedInRoles": inRoles}
}

// Validate implements [handler.Validator].
func (p rbacEscalation) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, way := range p.DeniedInClusterRoles {
		errs = append(errs, oneOf(path.Child("deniedInClusterRoles").Index(i), way, p.Values()["deniedInClusterRoles"])...)
	}
	for i, way := range p.DeniedInRoles {
		errs = append(errs, oneOf(path.Child("deniedInRoles").Index(i), way, p.Values()["deniedInRoles"])...)
	}
	return errs
}

func (p rbacEscalation) evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	binding, ok, err := objectOf[rbacv1.RoleBinding](req,
		rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"))
	if err != nil || ok {
		if ok && !isControlPlane(req) {
			return p.ofBinding(ctx, binding), ctx.Err()
		}
		return nil, err
	}
	role, ok, err := objectOf[rbacv1.ClusterRole](req,
		rbacv1.SchemeGroupVersion.WithKind("Role"), rbacv1.SchemeGroupVersion.WithKind("ClusterRole"))
	if err != nil || !ok || req.UserInfo.Username == apiServer || isDefaultSum(req) {
		return nil, err
	}
	violations := p.ofRules(ctx, req, role.Rules)
	if req.Kind.Kind == "ClusterRole" {
		violations = append(violations, p.ofLabels(role)...)
		if slices.Contains(p.DeniedInClusterRoles, byAggregation) {
			violations = append(violations, aggregates(ctx, role.AggregationRule)...)
		}
	}
	return violations, ctx.Err()
}

// ofBinding looks at a ClusterRoleBinding as well: they have the same subjects.
func (p rbacEscalation) ofBinding(ctx context.Context, binding *rbacv1.RoleBinding) []handler.Violation {
	isDenied := binding.RoleRef.Kind == "ClusterRole" && slices.Contains(p.DeniedClusterRoles, binding.RoleRef.Name)
	role := brief(binding.RoleRef.Name)
	var violations []handler.Violation
	for i, subject := range heeded(ctx, binding.Subjects) {
		who := fmt.Sprintf("%s %q", subject.Kind, strings.TrimPrefix(subject.Namespace+"/"+subject.Name, "/"))
		path := field.NewPath("subjects").Index(i)
		switch {
		case isDenied:
			violations = append(violations, keep(handler.Violationf(path,
				"%s is given ClusterRole %q, which is not to be bound; bind a role for what is needed", who, role)))
		case subject.Kind == rbacv1.GroupKind && slices.Contains(p.DeniedGroups, subject.Name):
			violations = append(violations, keep(handler.Violationf(path,
				"%s is given %s %q, and is a group to which nothing is to be bound; bind another one", who,
				binding.RoleRef.Kind, role)))
		}
	}
	return violations
}

// ofLabels says what the rights of a ClusterRole are added to.
func (p rbacEscalation) ofLabels(role *rbacv1.ClusterRole) []handler.Violation {
	var violations []handler.Violation
	for _, name := range p.DeniedAggregation {
		label := "rbac.authorization.k8s.io/aggregate-to-" + name
		if role.Labels[label] == "true" {
			violations = append(violations, handler.Violationf(field.NewPath("metadata", "labels").Key(label),
				"the rights are added to ClusterRole %q, and so given to all who have that; bind the role by itself", name))
		}
	}
	return violations
}

// ofRules reports what rules give that the role did not give before.
func (p rbacEscalation) ofRules(
	ctx context.Context, req *handler.Request, rules []rbacv1.PolicyRule,
) []handler.Violation {
	ways := p.waysIn(req.Kind.Kind)
	gave := sync.OnceValue(func() sets.Set[held] { return heldBefore(ctx, ways, req) })
	isNew := func(h held) bool {
		had := gave()
		all := h
		all.name = ""
		return !had.Has(h) && !had.Has(all)
	}
	var violations []handler.Violation
	for i, rule := range heeded(ctx, rules) {
		var found []foundWay
		for _, way := range ways {
			if news := slices.DeleteFunc(way.heldBy(rule), func(h held) bool { return !isNew(h) }); len(news) > 0 {
				found = append(found, foundWay{way, news})
			}
		}
		violations = append(violations, ofRule(field.NewPath("rules").Index(i), found)...)
	}
	return violations
}

// waysIn are the denied ways of a kind of role, with the rights that such a role can give.
func (p rbacEscalation) waysIn(kind string) []escalation {
	denied := p.DeniedInClusterRoles
	if kind == "Role" {
		denied = p.DeniedInRoles
	}
	var ways []escalation
	for _, way := range escalations(p.DeniedClusterRoles, p.DeniedGroups) {
		if !slices.Contains(denied, way.name) {
			continue
		}
		if kind == "Role" {
			way.rights = slices.DeleteFunc(way.rights, func(r right) bool { return r.clusterWide })
		}
		ways = append(ways, way)
	}
	return ways
}

func (e escalation) heldBy(rule rbacv1.PolicyRule) []held {
	var all []held
	for _, r := range e.rights {
		all = append(all, r.heldBy(e.name, rule)...)
	}
	return all
}

// heldBefore are the rights that a role gave before an update, and none if that is not known.
func heldBefore(ctx context.Context, ways []escalation, req *handler.Request) sets.Set[held] {
	gave := sets.New[held]()
	old, err := before[rbacv1.ClusterRole](req)
	if err != nil || old == nil {
		return gave
	}
	for _, rule := range heeded(ctx, old.Rules) {
		for _, way := range ways {
			gave.Insert(way.heldBy(rule)...)
		}
	}
	return gave
}

// foundWay is a way that a rule gives, with the rights that are new.
type foundWay struct {
	escalation
	news []held
}

// ofRule says which ways a rule gives: each, if they are few.
func ofRule(path *field.Path, found []foundWay) []handler.Violation {
	const few = 3
	if len(found) > few {
		names := make([]string, 0, len(found))
		for _, f := range found {
			names = append(names, f.name)
		}
		return []handler.Violation{handler.Violationf(path,
			"gives %d ways to more rights than it names: %s; name the verbs, resources and API groups that are needed",
			len(found), strings.Join(names, ", "))}
	}
	var violations []handler.Violation
	for _, f := range found {
		advice := "leave it out"
		if slices.ContainsFunc(f.news, func(h held) bool { return h.name == "" }) && f.name != "escalate" {
			advice += ", or name objects by resourceNames"
		}
		violations = append(violations, handler.Violationf(path, "%s: %s %s; %s", f.name, f.rights(), f.gives, advice))
	}
	return violations
}

// rights names the verbs and resources, each once.
func (f foundWay) rights() string {
	var verbs, resources []string
	for _, h := range f.news {
		if !slices.Contains(verbs, h.verb) {
			verbs = append(verbs, h.verb)
		}
		if !slices.Contains(resources, h.resource) {
			resources = append(resources, h.resource)
		}
	}
	return fmt.Sprintf("%s of %s", strings.Join(verbs, ", "), strings.Join(resources, ", "))
}
