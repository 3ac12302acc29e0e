// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

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
	kjson "sigs.k8s.io/json"
)

// Asked says which objects an API server asks a webhook about, by the entries of its configurations. Conditions in CEL
// are not evaluated, and count as met. The zero value asks about all.
type Asked struct {
	entries []entry
}

// entry is an entry of a webhook configuration, ready for use.
type entry struct {
	rules              []admissionregistrationv1.RuleWithOperations
	exact              bool // matchPolicy: a rule is for the versions that it names
	namespaces, labels labels.Selector
}

// ReadAsked reads the ValidatingWebhookConfigurations in a file of manifests. What else is in it does not count. The
// error says that there is none, or what is wrong with it.
func ReadAsked(path string) (Asked, error) {
	m, err := read([]string{path}, strings.NewReader(""))
	if err != nil {
		return Asked{}, err
	}
	var asked Asked
	for _, o := range m.objects {
		if !isValidating(o.kind) {
			continue
		}
		var configuration admissionregistrationv1.ValidatingWebhookConfiguration
		if err := kjson.UnmarshalCaseSensitivePreserveInts(o.raw, &configuration); err != nil {
			return Asked{}, fmt.Errorf("%s:%d: ValidatingWebhookConfiguration %q: %w", path, o.line, o.name, err)
		}
		for _, webhook := range configuration.Webhooks {
			e, err := newEntry(webhook)
			if err != nil {
				return Asked{}, fmt.Errorf("%s:%d: webhook %q of ValidatingWebhookConfiguration %q: %w", path, o.line, webhook.Name,
					o.name, err)
			}
			asked.entries = append(asked.entries, e)
		}
	}
	if len(asked.entries) == 0 {
		return Asked{}, fmt.Errorf("%s has no webhook of a ValidatingWebhookConfiguration: name the file of the webhook "+
			"configuration, or write one with kubectl get validatingwebhookconfiguration NAME -o yaml", path)
	}
	return asked, nil
}

func isValidating(kind schema.GroupVersionKind) bool {
	return kind.Group == admissionregistrationv1.GroupName && kind.Kind == "ValidatingWebhookConfiguration"
}

// newEntry reads the selectors as the API server does, with its default for those that are not there: everything.
func newEntry(webhook admissionregistrationv1.ValidatingWebhook) (entry, error) {
	e := entry{
		rules: webhook.Rules, namespaces: labels.Everything(), labels: labels.Everything(),
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

// about says whether the webhook is asked when the object is created. namespaces has the labels of namespaces by name.
func (a Asked) about(o *object, k kinds, namespaces map[string]labels.Set) bool {
	if a.entries == nil {
		return true
	}
	// The API server asks no webhook about the configurations of webhooks.
	if o.kind.Group == admissionregistrationv1.GroupName && strings.HasSuffix(o.kind.Kind, "WebhookConfiguration") {
		return false
	}
	sent := o.equivalent()
	return slices.ContainsFunc(a.entries, func(e entry) bool {
		return (e.matches(k.resource(o.kind), o.namespace) || e.matches(k.resource(sent.kind), o.namespace)) &&
			e.labels.Matches(labels.Set(o.labels)) && e.isIn(o, namespaces)
	})
}

// matches compares the rules with the creation of an object of a resource. A rule for one version of a resource is one
// for all of them, unless matchPolicy is Exact.
func (e entry) matches(resource schema.GroupVersionResource, namespace string) bool {
	return slices.ContainsFunc(e.rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		scope := admissionregistrationv1.AllScopes
		if r.Scope != nil {
			scope = *r.Scope
		}
		hasOperation := slices.Contains(r.Operations, admissionregistrationv1.Create) ||
			slices.Contains(r.Operations, admissionregistrationv1.OperationAll)
		hasScope := scope == admissionregistrationv1.AllScopes ||
			(scope == admissionregistrationv1.NamespacedScope) == (namespace != "")
		return hasOperation && hasScope && hasName(r.APIGroups, resource.Group) &&
			(!e.exact || hasName(r.APIVersions, resource.Version)) &&
			(hasName(r.Resources, resource.Resource) || slices.Contains(r.Resources, "*/*"))
	})
}

func hasName(names []string, name string) bool {
	return slices.Contains(names, name) || slices.Contains(names, "*")
}

// isIn compares the labels of the object's namespace; those of a Namespace are its own. Objects without a namespace are
// in all of them.
func (e entry) isIn(o *object, namespaces map[string]labels.Set) bool {
	switch {
	case o.isNamespace():
		return e.namespaces.Matches(labels.Set(o.labels))
	case o.namespace == "":
		return true
	}
	set := namespaces[o.namespace]
	if set == nil {
		set = labels.Set{corev1.LabelMetadataName: o.namespace}
	}
	return e.namespaces.Matches(set)
}

// labelsOfNamespaces are the labels of the Namespaces among the objects, by name.
func labelsOfNamespaces(objects []object) map[string]labels.Set {
	all := map[string]labels.Set{}
	for i := range objects {
		if objects[i].isNamespace() {
			all[objects[i].name] = objects[i].labels
		}
	}
	return all
}
