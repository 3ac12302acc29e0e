// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package asked says which objects an API server asks a webhook about, by the rules and selectors of its configuration
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/).
package asked

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Asked says which objects an API server asks a webhook about, by the entries of its configurations. Conditions in CEL
// are not evaluated, and count as met. The zero value asks about all. It is safe for concurrent use.
type Asked struct {
	entries []entry
}

// entry is an entry of a webhook configuration, ready for use.
type entry struct {
	name               string
	rules              []admissionregistrationv1.RuleWithOperations
	exact              bool // matchPolicy: a rule is for the versions that it names
	namespaces, labels labels.Selector
}

// Object is what decides whether a webhook is asked about an object.
type Object struct {
	// Resources are the resource of the object, in all versions that it may be sent in.
	Resources []schema.GroupVersionResource
	Namespace string
	Labels    labels.Set
}

// Of takes the entries of webhook configurations. The error names a selector that is not valid.
func Of(configurations ...admissionregistrationv1.ValidatingWebhookConfiguration) (Asked, error) {
	var asked Asked
	for _, configuration := range configurations {
		for _, webhook := range configuration.Webhooks {
			e, err := newEntry(webhook)
			if err != nil {
				return Asked{}, fmt.Errorf("webhook %q of ValidatingWebhookConfiguration %q: %w", webhook.Name,
					configuration.Name, err)
			}
			asked.entries = append(asked.entries, e)
		}
	}
	return asked, nil
}

// newEntry reads the selectors as the API server does, with its default for those that are not there: everything.
func newEntry(webhook admissionregistrationv1.ValidatingWebhook) (entry, error) {
	e := entry{
		name: webhook.Name, rules: webhook.Rules, namespaces: labels.Everything(), labels: labels.Everything(),
		exact: webhook.MatchPolicy != nil && *webhook.MatchPolicy == admissionregistrationv1.Exact,
	}
	var errs [2]error
	if webhook.NamespaceSelector != nil {
		e.namespaces, errs[0] = metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
	}
	if webhook.ObjectSelector != nil {
		e.labels, errs[1] = metav1.LabelSelectorAsSelector(webhook.ObjectSelector)
	}
	return e, errors.Join(errs[:]...)
}

// IsAll says that there are no entries, so that all objects are asked about.
func (a Asked) IsAll() bool { return len(a.entries) == 0 }

// About returns the name of the entry by which a webhook is asked when an operation is done to the object, the first
// one if there are several. Namespaces has the labels of namespaces by name.
func (a Asked) About(
	o Object, operation admissionregistrationv1.OperationType, namespaces map[string]labels.Set,
) (name string, isAsked bool) {
	if a.IsAll() {
		return "", true
	}
	if isExempt(o.Resources) {
		return "", false
	}
	for i := range a.entries {
		e := &a.entries[i]
		if e.labels.Matches(o.Labels) && e.isIn(o, namespaces) &&
			slices.ContainsFunc(o.Resources, func(r schema.GroupVersionResource) bool {
				return e.matches(r, o.Namespace != "", operation)
			}) {
			return e.name, true
		}
	}
	return "", false
}

// AboutAny says whether there are objects of a resource that are asked about when one of the operations is done to
// them.
func (a Asked) AboutAny(
	resource schema.GroupVersionResource, namespaced bool, operations ...admissionregistrationv1.OperationType,
) bool {
	if a.IsAll() {
		return true
	}
	return !isExempt([]schema.GroupVersionResource{resource}) && slices.ContainsFunc(a.entries, func(e entry) bool {
		return slices.ContainsFunc(operations, func(operation admissionregistrationv1.OperationType) bool {
			return e.matches(resource, namespaced, operation)
		})
	})
}

// Names says whether a rule names the resource in this version, or all versions.
func (a Asked) Names(resource schema.GroupVersionResource) bool {
	return slices.ContainsFunc(a.entries, func(e entry) bool {
		return slices.ContainsFunc(e.rules, func(r admissionregistrationv1.RuleWithOperations) bool {
			return hasName(r.APIGroups, resource.Group) && hasName(r.APIVersions, resource.Version) &&
				hasResource(r.Resources, resource.Resource)
		})
	})
}

// Resources are what the rules for an operation name, each once, without subresources and versions; "*" stands for all
// of them. There are none if all objects are asked about.
func (a Asked) Resources(operation admissionregistrationv1.OperationType) []schema.GroupResource {
	var all []schema.GroupResource
	either := []admissionregistrationv1.OperationType{operation, admissionregistrationv1.OperationAll}
	for _, e := range a.entries {
		for _, r := range e.rules {
			if !slices.ContainsFunc(either, func(o admissionregistrationv1.OperationType) bool {
				return slices.Contains(r.Operations, o)
			}) {
				continue
			}
			for _, resource := range resourcesOf(r.Rule) {
				if !slices.Contains(all, resource) {
					all = append(all, resource)
				}
			}
		}
	}
	return all
}

func resourcesOf(r admissionregistrationv1.Rule) []schema.GroupResource {
	var all []schema.GroupResource
	for _, group := range r.APIGroups {
		for _, name := range r.Resources {
			if name == "*/*" {
				name = "*"
			}
			if !strings.Contains(name, "/") {
				all = append(all, schema.GroupResource{Group: group, Resource: name})
			}
		}
	}
	return all
}

// NamesGroup says whether a rule names the group, or all groups.
func (a Asked) NamesGroup(group string) bool {
	return a.IsAll() || slices.ContainsFunc(a.entries, func(e entry) bool {
		return slices.ContainsFunc(e.rules, func(r admissionregistrationv1.RuleWithOperations) bool {
			return hasName(r.APIGroups, group)
		})
	})
}

// isExempt finds the configurations of webhooks, about which the API server asks no webhook.
func isExempt(resources []schema.GroupVersionResource) bool {
	return slices.ContainsFunc(resources, func(r schema.GroupVersionResource) bool {
		return r.Group == admissionregistrationv1.GroupName && strings.HasSuffix(r.Resource, "webhookconfigurations")
	})
}

// matches compares the rules with an operation on an object of a resource. A rule for one version of a resource is one
// for all of them, unless matchPolicy is Exact.
func (e *entry) matches(
	resource schema.GroupVersionResource, namespaced bool, operation admissionregistrationv1.OperationType,
) bool {
	return slices.ContainsFunc(e.rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		scope := admissionregistrationv1.AllScopes
		if r.Scope != nil {
			scope = *r.Scope
		}
		hasOperation := slices.Contains(r.Operations, operation) ||
			slices.Contains(r.Operations, admissionregistrationv1.OperationAll)
		hasScope := scope == admissionregistrationv1.AllScopes ||
			(scope == admissionregistrationv1.NamespacedScope) == namespaced
		return hasOperation && hasScope && hasName(r.APIGroups, resource.Group) &&
			(!e.exact || hasName(r.APIVersions, resource.Version)) &&
			hasResource(r.Resources, resource.Resource)
	})
}

// hasResource compares RESOURCE or RESOURCE/SUBRESOURCE with what rules name. An asterisk alone stands for no
// subresource.
func hasResource(names []string, resource string) bool {
	of, sub, _ := strings.Cut(resource, "/")
	return slices.ContainsFunc(names, func(name string) bool {
		named, namedSub, _ := strings.Cut(name, "/")
		return (named == "*" || named == of) && (namedSub == "*" || namedSub == sub)
	})
}

func hasName(names []string, name string) bool {
	return slices.Contains(names, name) || slices.Contains(names, "*")
}

// isIn compares the labels of the object's namespace; those of a Namespace are its own. Objects without a namespace are
// in all of them.
func (e *entry) isIn(o Object, namespaces map[string]labels.Set) bool {
	isNamespace := slices.ContainsFunc(o.Resources, func(r schema.GroupVersionResource) bool {
		return r.Group == "" && r.Resource == "namespaces"
	})
	switch {
	case isNamespace:
		return e.namespaces.Matches(o.Labels)
	case o.Namespace == "":
		return true
	}
	set := namespaces[o.Namespace]
	if set == nil {
		set = labels.Set{corev1.LabelMetadataName: o.Namespace}
	}
	return e.namespaces.Matches(set)
}
