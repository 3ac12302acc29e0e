// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// metadata adds labels and annotations to objects of every kind that the webhook is asked about.
type metadata struct {
	// Labels are the labels that objects get which do not have them.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are the annotations that objects get which do not have them.
	Annotations map[string]string `json:"annotations,omitempty"`
}

func addMetadata() handler.Definition {
	const name = "addMetadata"
	return handler.DefineMutation(name, handler.Doc{
		Summary: "Objects get the labels and annotations of the parameters that they do not have.",
		Why: "What finds, bills or backs up objects does it by their labels. An object that has one, with whatever value, " +
			"keeps it. Templates of Pods in an object are not changed, nor what is asked of an API server about tokens and " +
			"rights, such as a SubjectAccessReview: it is not stored, and refused if it has metadata.",
		Parameters: `
labels: {cost-center: unassigned}
annotations: {example.com/cluster: eu-1}
`,
		Denied: `
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  labels: {app: web}
`,
		Admitted: `
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  labels: {app: web, cost-center: unassigned}
  annotations: {example.com/cluster: eu-1}
`,
	}, func() metadata { return metadata{} }, func(p metadata, _ handler.Environment) (handler.Mutation, error) {
		return handler.MutateFor(name, p.change), nil
	})
}

// Validate implements [handler.Validator].
func (p metadata) Validate(path *field.Path) field.ErrorList {
	errs := metav1validation.ValidateLabels(p.Labels, path.Child("labels"))
	for key := range p.Annotations {
		for _, problem := range validation.IsQualifiedName(key) {
			errs = append(errs, field.Invalid(path.Child("annotations").Key(key), key, problem))
		}
	}
	if len(p.Labels)+len(p.Annotations) == 0 {
		errs = append(errs, field.Required(path, "name labels or annotations"))
	}
	return errs
}

// change changes nothing that an API server answers and does not store: those of authorization refuse all metadata.
func (p metadata) change(_ context.Context, req *handler.Request, obj *metav1.PartialObjectMetadata) error {
	if req.Kind.Group == authorizationv1.GroupName || req.Kind.Group == authenticationv1.GroupName {
		return nil
	}
	obj.Labels, obj.Annotations = added(obj.Labels, p.Labels), added(obj.Annotations, p.Annotations)
	return nil
}

// added are the values that there are, and more for names that have none.
func added(has, more map[string]string) map[string]string {
	for name, value := range more {
		if _, ok := has[name]; ok {
			continue
		}
		if has == nil {
			has = map[string]string{}
		}
		has[name] = value
	}
	return has
}
