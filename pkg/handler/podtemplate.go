// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// PodTemplate says where the objects of a kind that is not Kubernetes' own have a template of Pods. Checks then look at
// the template as they would at that of a PodTemplate, besides what they say about the object itself. A kind may have
// several.
type PodTemplate struct {
	// Group is the API group of the kind, in whatever version, such as argoproj.io.
	Group string `json:"group"`
	// Kind is the kind, such as Rollout.
	Kind string `json:"kind"`
	// Path is where the template is in the object, with its metadata and spec, such as spec.template. What has nothing
	// there has no template.
	Path string `json:"path"`
}

// Validate returns everything that is wrong.
func (t PodTemplate) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(validation.IsDNS1123Subdomain(t.Group)) > 0 || !strings.Contains(t.Group, ".") {
		errs = append(errs, field.Invalid(path.Child("group"), t.Group,
			"must be an API group that is not one of Kubernetes itself, such as argoproj.io"))
	}
	if t.Kind == "" {
		errs = append(errs, field.Required(path.Child("kind"), "name the kind, such as Rollout"))
	}
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$`).MatchString(t.Path) {
		errs = append(errs, field.Invalid(path.Child("path"), t.Path,
			"must be names of fields with dots between, such as spec.template"))
	}
	return errs
}

// podTemplates are those that a configuration lists.
type podTemplates []PodTemplate

// of are the paths of the templates that objects of a kind have, each once.
func (p podTemplates) of(kind metav1.GroupVersionKind) []string {
	var paths []string
	for _, t := range p {
		if t.Group == kind.Group && t.Kind == kind.Kind && !slices.Contains(paths, t.Path) {
			paths = append(paths, t.Path)
		}
	}
	return paths
}

// have says whether a field of an object of a kind is in a template of Pods.
func (p podTemplates) have(kind metav1.GroupVersionKind, field string) bool {
	return strings.Contains("."+field, ".template.") ||
		slices.ContainsFunc(p.of(kind), func(path string) bool { return strings.HasPrefix(field, path+".") })
}

// template is a request about a PodTemplate with what is at a path of the object, nil if nothing is. It is made once
// for all checks, and shares the memory of the request.
func (r *Request) template(path string) (*Request, error) {
	if r.later != nil {
		inner, err := r.later.template(path)
		if err != nil || inner == nil || len(inner.AdmissionRequest.OldObject.Raw) == 0 {
			return nil, err
		}
		return inner.before(), nil
	}
	r.templates.mu.Lock()
	defer r.templates.mu.Unlock()
	if inner, ok := r.templates.of[path]; ok {
		return inner, nil
	}
	inner := &Request{AdmissionRequest: r.AdmissionRequest, memory: r.memory}
	inner.Kind = metav1.GroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodTemplate"))
	inner.Resource = metav1.GroupVersionResource(corev1.SchemeGroupVersion.WithResource("podtemplates"))
	for _, raw := range []*[]byte{&inner.AdmissionRequest.Object.Raw, &inner.AdmissionRequest.OldObject.Raw} {
		if r.memory != nil {
			if err := r.memory.Afford(int64(len(*raw))); err != nil {
				return nil, fmt.Errorf("cannot read the template at %s: %w", path, err)
			}
		}
		found, err := templateIn(*raw, strings.Split(path, "."))
		if err != nil {
			return nil, fmt.Errorf("cannot read the template at %s: %w", path, err)
		}
		*raw = found
	}
	if len(inner.AdmissionRequest.Object.Raw) == 0 {
		inner = nil
	}
	if r.templates.of == nil {
		r.templates.of = map[string]*Request{}
	}
	r.templates.of[path] = inner
	return inner, nil
}

// templateIn is a PodTemplate, in JSON, with what is at the end of a path, or nothing. What is beside the path may have
// any number of levels.
func templateIn(object []byte, path []string) ([]byte, error) {
	if len(object) == 0 {
		return nil, nil
	}
	if !lean.Valid(object) {
		return nil, errors.New("the object is no JSON")
	}
	found := bytes.TrimLeft(object, " \t\r\n")
	for _, name := range path {
		if !bytes.HasPrefix(found, []byte("{")) {
			return nil, nil
		}
		found = member(found, name)
	}
	if !bytes.HasPrefix(found, []byte("{")) {
		return nil, nil
	}
	return slices.Concat([]byte(`{"template":`), found, []byte("}")), nil
}

// member is the value of a member of an object in valid JSON, nil if there is none. The last of several counts, as for
// a decoder.
func member(object []byte, name string) []byte {
	var found []byte
	lean.Fields(object, func(quoted, value []byte) {
		if lean.Text(quoted) == name {
			found = value
		}
	})
	return found
}
