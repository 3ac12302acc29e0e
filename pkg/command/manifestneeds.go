// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// needs are what a webhook has to be asked about, and what all that it has exempts.
type needs struct {
	entries            []handler.Entry
	rules              []admissionregistrationv1.RuleWithOperations
	closed             bool // a failure refuses
	exempt             bool // there are exemptions, of all that was added
	namespaces, groups []string
	users              []string
}

// add adds a check or mutation. It is not known if it does not say what it looks at. Checks of templates look at those
// of other kinds as well.
func (n *needs) add(c config.Check, templates []handler.PodTemplate) (known bool, err error) {
	entry, err := c.Definition.Entry(c.Parameters, handler.Environment{}) // It is asked about nothing.
	if err != nil {
		return false, err
	}
	n.entries = append(n.entries, handler.Entry{Check: entry.Check, Mutation: entry.Mutation})
	looker, ok := entry.Check.(handler.Looker)
	if c.Definition.IsMutation() {
		looker, ok = entry.Mutation.(handler.Looker)
	}
	if !ok || len(looker.LooksAt()) == 0 {
		return false, nil
	}
	for _, look := range looker.LooksAt() {
		n.ask(look)
	}
	if !c.Definition.IsMutation() && looksAtTemplates(looker.LooksAt()) {
		for _, t := range templates {
			n.ask(handler.Look{Kind: schema.GroupVersionKind{Group: t.Group, Version: "*", Kind: t.Kind}})
		}
	}
	refuses := []handler.Mode{handler.Deny, handler.DenyWhenClean, handler.Apply}
	n.closed = n.closed || slices.Contains(refuses, c.Mode) && c.FailurePolicy != handler.Ignore
	n.leaveOut(c.Exempt)
	return true, nil
}

// looksAtTemplates says whether a check looks at templates of Pods wherever they are: one that says so, and one of Pods
// and of what has such a template.
func looksAtTemplates(looks []handler.Look) bool {
	has := func(kind schema.GroupVersionKind) bool {
		return slices.ContainsFunc(looks, func(l handler.Look) bool { return l.Kind == kind })
	}
	return has(corev1.SchemeGroupVersion.WithKind("PodTemplate")) ||
		has(corev1.SchemeGroupVersion.WithKind("Pod")) && has(appsv1.SchemeGroupVersion.WithKind("Deployment"))
}

// ask adds a rule, or widens the one of the same operations and version.
func (n *needs) ask(look handler.Look) {
	operations := look.Operations
	if len(operations) == 0 {
		operations = []admissionv1.Operation{admissionv1.Create, admissionv1.Update}
	}
	resource := offline.GuessResource(look.Kind)
	resources := []string{resource.Resource}
	for _, sub := range look.SubResources {
		resources = append(resources, resource.Resource+"/"+sub)
	}
	rule := admissionregistrationv1.RuleWithOperations{Rule: admissionregistrationv1.Rule{
		APIGroups: []string{resource.Group}, APIVersions: []string{resource.Version}, Resources: resources,
	}}
	for _, operation := range operations {
		rule.Operations = append(rule.Operations, admissionregistrationv1.OperationType(operation))
	}
	for i, have := range n.rules {
		if slices.Equal(have.APIGroups, rule.APIGroups) && slices.Equal(have.APIVersions, rule.APIVersions) &&
			slices.Equal(have.Operations, rule.Operations) {
			all := append(have.Resources, resources...)
			slices.Sort(all)
			n.rules[i].Resources = slices.Compact(all)
			return
		}
	}
	n.rules = append(n.rules, rule)
}

// leaveOut keeps what this exempts as well as all before it.
func (n *needs) leaveOut(e handler.Exemptions) {
	users := slices.Clone(e.Users)
	for _, account := range e.ServiceAccounts {
		users = append(users, "system:serviceaccount:"+strings.Replace(account, "/", ":", 1))
	}
	if !n.exempt {
		n.exempt, n.namespaces, n.groups, n.users = true, slices.Clone(e.Namespaces), slices.Clone(e.Groups), users
		return
	}
	n.namespaces, n.groups = common(n.namespaces, e.Namespaces), common(n.groups, e.Groups)
	n.users = common(n.users, users)
}

func common(a, b []string) []string {
	return slices.DeleteFunc(a, func(text string) bool { return !slices.Contains(b, text) })
}

func (n *needs) failurePolicy() *admissionregistrationv1.FailurePolicyType {
	if n.closed {
		return ptr.To(admissionregistrationv1.Fail)
	}
	return ptr.To(admissionregistrationv1.Ignore)
}

// namespaces leaves out what the control plane and the webhook need to start, and what is exempt.
func (o *manifestOptions) namespaces(n needs) *metav1.LabelSelector {
	out := slices.Concat([]string{metav1.NamespaceSystem, corev1.NamespaceNodeLease, o.namespace}, n.namespaces)
	slices.Sort(out[3:])
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: out,
	}}}
}

// conditions are those of the API server, which evaluates them before it asks. They are in CEL.
func (o *manifestOptions) conditions(n needs) []admissionregistrationv1.MatchCondition {
	var all []admissionregistrationv1.MatchCondition
	add := func(name, format string, value any) {
		all = append(all, admissionregistrationv1.MatchCondition{Name: name, Expression: fmt.Sprintf(format, value)})
	}
	if o.right != "" {
		add("in-force", `authorizer.serviceAccount("hookstrap", "in-force").group("hookstrap.dev").resource("webhooks")`+
			`.name(%q).check("enforce").allowed()`, o.right)
	}
	if len(n.users) > 0 {
		add("exempt-users", `!(request.userInfo.username in [%s])`, quoted(n.users))
	}
	if len(n.groups) > 0 {
		add("exempt-groups", `!(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in [%s]))`,
			quoted(n.groups))
	}
	return all
}

func quoted(texts []string) string {
	texts = slices.SortedFunc(slices.Values(texts), cmp.Compare[string])
	for i, text := range texts {
		texts[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(slices.Compact(texts), ", ")
}
