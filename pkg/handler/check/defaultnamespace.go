// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// defaultNamespace denies objects in namespaces that are for no workload. What Kubernetes itself keeps there is left
// alone.
type defaultNamespace struct {
	// Namespaces are those in which nothing may be created.
	Namespaces []string `json:"namespaces"`
}

func defaultNamespaceDefinition() handler.Definition {
	return handler.Define("defaultNamespace", handler.Doc{
		Summary: `Objects are not in the namespace "default".`,
		Why: "What is there was nearly always meant to be elsewhere: somebody forgot the namespace. Quotas, network " +
			"policies and rights that belong to a namespace do not hold in the default one.",
	}, func() defaultNamespace { return defaultNamespace{Namespaces: []string{metav1.NamespaceDefault}} },
		func(p defaultNamespace, _ handler.Environment) (handler.Check, error) {
			return ruleFunc{"defaultNamespace", p.evaluate}, nil
		})
}

// Validate implements [handler.Validator].
func (p defaultNamespace) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range p.Namespaces {
		for _, problem := range validation.IsDNS1123Label(name) {
			errs = append(errs, field.Invalid(path.Child("namespaces").Index(i), name, problem))
		}
	}
	return errs
}

func (p defaultNamespace) evaluate(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
	if !slices.Contains(p.Namespaces, req.Namespace) || isNamespace(req) || kubernetesOwn(req) {
		return nil, nil
	}
	return []handler.Violation{handler.Violationf(field.NewPath("metadata", "namespace"),
		"namespace %q is not for use; choose another one", req.Namespace)}, nil
}

// isNamespace says whether the object is a Namespace, whose own name the API server gives as its namespace.
func isNamespace(req *handler.Request) bool {
	return req.Kind.Group == "" && req.Kind.Kind == "Namespace"
}

// kubernetesOwn says whether the object is one that Kubernetes itself makes in namespaces, and cannot do without.
func kubernetesOwn(req *handler.Request) bool {
	switch req.Kind.Kind {
	case "Service", "Endpoints", "EndpointSlice":
		return req.Name == "kubernetes" && req.Namespace == metav1.NamespaceDefault
	case "ServiceAccount":
		return req.Name == "default"
	case "ConfigMap":
		return req.Name == "kube-root-ca.crt"
	}
	return false
}
