// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"maps"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	pathvalidation "k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// protectedDeletes denies the deletion of objects that are protected, by what they say or by what the configuration
// says. What goes because its Namespace or its owner has gone is left alone: that has to be protected itself.
type protectedDeletes struct {
	// Labels protect an object that has one of them, with that value.
	Labels map[string]string `json:"labels"`
	// Annotations protect an object that has one of them, with that value.
	Annotations map[string]string `json:"annotations"`
	// Objects are protected whatever they say.
	Objects []protectedObjects `json:"objects,omitempty"`
}

// protectedObjects are objects that are protected. All that is given has to hold.
type protectedObjects struct {
	// Kinds are plurals with their groups, such as namespaces or statefulsets.apps.
	Kinds []string `json:"kinds"`
	// Names are names of the objects, in which a * stands for any characters, or none. Empty stands for all.
	Names []string `json:"names,omitempty"`
	// Namespaces are those of the objects, in the same form. Empty stands for all, and for objects that are in none.
	Namespaces []string `json:"namespaces,omitempty"`
	// Labels are labels that the objects have, all of them.
	Labels map[string]string `json:"labels,omitempty"`
}

func protectedDeletesDefinition() handler.Definition {
	return handler.Define("protectedDeletes", handler.Doc{
		Summary: "Objects that are protected are not deleted before that is taken away.",
		Why: "A Namespace, a CustomResourceDefinition or a claim takes all that is in it along, and one command or one " +
			"commit deletes it. It needs the component `all-checks`, which asks about deletes of Namespaces, volumes, claims, " +
			"CustomResourceDefinitions, workloads, Services and Ingresses; `webhook check` never sees one.",
		Operation: admissionv1.Delete,
	}, func() protectedDeletes {
		const protected = "hookstrap.dev/protected"
		return protectedDeletes{
			Labels: map[string]string{protected: "true"}, Annotations: map[string]string{protected: "true"},
		}
	}, func(p protectedDeletes, _ handler.Environment) (handler.Check, error) { return deleteCheck{p}, nil })
}

// Validate implements [handler.Validator].
func (p protectedDeletes) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(p.Labels)+len(p.Annotations)+len(p.Objects) == 0 {
		errs = append(errs, field.Required(path.Child("objects"), "say what is protected, or turn the check off"))
	}
	for i, o := range p.Objects {
		at := path.Child("objects").Index(i)
		if len(o.Kinds) == 0 {
			errs = append(errs, field.Required(at.Child("kinds"), "name the kinds, such as statefulsets.apps"))
		}
		errs = append(errs, validateResources(at.Child("kinds"), o.Kinds)...)
		errs = append(errs, o.neverMatch(at.Child("kinds"))...)
		errs = append(errs, validateGlobs(at.Child("names"), o.Names, pathvalidation.IsValidPathSegmentName)...)
		errs = append(errs, validateGlobs(at.Child("namespaces"), o.Namespaces, validation.IsDNS1123Label)...)
	}
	return errs
}

// neverMatch returns the kinds whose objects are in no namespace, where namespaces are asked for. The API server says
// of a Namespace that it is in itself.
func (o protectedObjects) neverMatch(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, kind := range o.Kinds {
		if len(o.Namespaces) == 0 || kind == "namespaces" {
			continue
		}
		if problem := handler.NeverInNamespaces(kind, o.Namespaces); problem != "" {
			errs = append(errs, field.Invalid(path.Index(i), kind, problem))
		}
	}
	return errs
}

// deleteCheck asks to see deletes, and nothing else.
type deleteCheck struct{ protectedDeletes }

var _ handler.Selector = deleteCheck{}

// Name implements [handler.Check].
func (deleteCheck) Name() string { return "protectedDeletes" }

// Selects implements [handler.Selector].
func (deleteCheck) Selects(req *handler.Request) bool {
	return req.Operation == admissionv1.Delete && req.SubResource == ""
}

// Evaluate implements [handler.Check]. What is being deleted already may be deleted again.
func (c deleteCheck) Evaluate(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
	if !c.Selects(req) || cleansUp(req.UserInfo.Username) {
		return nil, nil
	}
	metadata, err := handler.OldMetadata(req)
	if err != nil || metadata.DeletionTimestamp != nil {
		return nil, err
	}
	path := field.NewPath("metadata")
	if key, ok := firstOf(c.Labels, metadata.Labels); ok {
		return one(path.Child("labels").Key(key), protectedBy+"it has the label %s=%s; remove that first", key,
			c.Labels[key]), nil
	}
	if key, ok := firstOf(c.Annotations, metadata.Annotations); ok {
		return one(path.Child("annotations").Key(key), protectedBy+"it has the annotation %s=%s; remove that first", key,
			c.Annotations[key]), nil
	}
	for i, o := range c.Objects {
		if o.has(req, metadata) {
			return one(nil, protectedBy+"it is among objects[%d] of the configuration; change that first", i), nil
		}
	}
	return nil, nil
}

const protectedBy = "is protected from being deleted: "

// firstOf returns the first key, in their order, that has the same value in both.
func firstOf(wanted, has map[string]string) (string, bool) {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if value, ok := has[key]; ok && value == wanted[key] {
			return key, true
		}
	}
	return "", false
}

// has says whether the object of a request is one of those. Its labels are those that it has now.
func (o protectedObjects) has(req *handler.Request, metadata *metav1.ObjectMeta) bool {
	resource := schema.GroupResource{Group: req.Resource.Group, Resource: req.Resource.Resource}
	for key, value := range o.Labels {
		if own, ok := metadata.Labels[key]; !ok || own != value {
			return false
		}
	}
	return slices.Contains(o.Kinds, resource.String()) && isAmong(o.Names, req.Name) &&
		isAmong(o.Namespaces, req.Namespace)
}

// cleansUp says whether a user is one of Kubernetes' own controllers that delete what is left behind by a Namespace or
// an owner. Denying that would not keep what matters, and the Namespace would never end.
func cleansUp(user string) bool {
	return slices.Contains([]string{
		"system:serviceaccount:kube-system:namespace-controller",
		"system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager",
	}, user)
}
