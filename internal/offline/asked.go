// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/internal/asked"
)

// ReadAsked reads the ValidatingWebhookConfigurations in a file of manifests. What else is in it does not count. The
// error says that there is none, or what is wrong with it.
func ReadAsked(path string) (asked.Asked, error) {
	found, err := readAsked(path, "ValidatingWebhookConfiguration")
	if err == nil && found.IsAll() {
		err = fmt.Errorf("%s has no webhook of a ValidatingWebhookConfiguration: name the file of the webhook "+
			"configuration, or write one with kubectl get validatingwebhookconfiguration NAME -o yaml", path)
	}
	return found, err
}

// ReadMutating is as ReadAsked, for MutatingWebhookConfigurations, of which there may be none.
func ReadMutating(path string) (asked.Asked, error) {
	return readAsked(path, "MutatingWebhookConfiguration")
}

// readAsked reads the webhook configurations of a kind. What is read of them is the same in both kinds.
func readAsked(path, kind string) (asked.Asked, error) {
	m, err := read([]string{path}, strings.NewReader(""))
	if err != nil {
		return asked.Asked{}, err
	}
	var all []admissionregistrationv1.ValidatingWebhookConfiguration
	for _, o := range m.objects {
		if o.kind.Group != admissionregistrationv1.GroupName || o.kind.Kind != kind {
			continue
		}
		var configuration admissionregistrationv1.ValidatingWebhookConfiguration
		if err := kjson.UnmarshalCaseSensitivePreserveInts(o.raw, &configuration); err != nil {
			return asked.Asked{}, fmt.Errorf("%s:%d: %s %q: %w", path, o.line, kind, o.name, err)
		}
		if _, err := asked.Of(configuration); err != nil {
			return asked.Asked{}, fmt.Errorf("%s:%d: %w", path, o.line, err)
		}
		all = append(all, configuration)
	}
	return asked.Of(all...)
}

// isAskedAbout says whether a webhook is asked when the object is created. namespaces has the labels of namespaces by
// name.
func (o *object) isAskedAbout(a asked.Asked, k kinds, namespaces map[string]labels.Set) bool {
	sent := o.equivalent()
	_, isAsked := a.About(asked.Object{
		Resources: []schema.GroupVersionResource{k.resource(o.kind), k.resource(sent.kind)},
		Namespace: o.namespace, Labels: o.labels,
	}, admissionregistrationv1.Create, namespaces)
	return isAsked
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
