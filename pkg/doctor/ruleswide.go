// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

// width judges rules that are empty, or wider than most servers need, and side effects.
func (x ruled) width(e *Entry) {
	if len(e.Rules.Rules) == 0 {
		x.find(e, IDRulesEmpty, "see whether the server fills its rules when it runs; otherwise remove the entry",
			"it has no rules")
	}
	for _, r := range e.Rules.Rules {
		wide := slices.ContainsFunc(r.Resources, func(name string) bool { return name == "*" || name == "*/*" })
		if slices.Contains(r.APIGroups, "*") || wide {
			x.find(e, IDRulesWide, "name the groups and resources that the server judges",
				"a rule is about the resources %s of the groups %s", strings.Join(r.Resources, ", "), groupsOf(r))
		}
	}
	effects := ptr.Deref(e.Rules.SideEffects, admissionregistrationv1.SideEffectClassNone)
	if effects != admissionregistrationv1.SideEffectClassNone &&
		effects != admissionregistrationv1.SideEffectClassNoneOnDryRun {
		x.find(e, IDSideEffects, "set sideEffects: None, or NoneOnDryRun if the server obeys "+
			"dryRun", "sideEffects is %s", effects)
	}
}

func groupsOf(r admissionregistrationv1.RuleWithOperations) string {
	var groups []string
	for _, group := range r.APIGroups {
		groups = append(groups, cmp.Or(group, `""`))
	}
	return strings.Join(groups, ", ")
}

// reinvocation finds mutating webhooks for Pods that are asked before another one, and not again after it. They are
// asked in the order of their configurations' names.
func (x ruled) reinvocation() {
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	var asked []*Entry
	for i := range x.facts.All {
		e := &x.facts.All[i]
		if e.Rules == nil || e.Object.Kind != KindMutating {
			continue
		}
		if of, err := askedOf(e); err == nil && of.AboutAny(pods, true, admissionregistrationv1.Create) {
			asked = append(asked, e)
		}
	}
	slices.SortStableFunc(asked, func(a, b *Entry) int { return cmp.Compare(a.Object.Name, b.Object.Name) })
	for i, e := range asked {
		j := slices.IndexFunc(asked[i:], func(other *Entry) bool { return other.Object != e.Object })
		if !e.Again && j >= 0 && coldStart(x).judged(e) {
			x.find(e, IDReinvocation, "set reinvocationPolicy: IfNeeded if it has to see what others change; it has to be "+
				"idempotent "+
				"then", "webhook %q of %s is asked about Pods after it", asked[i+j].Webhook, asked[i+j].Object)
		}
	}
}
