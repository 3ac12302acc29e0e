// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/image"
)

// Exemptions say what a check leaves alone. A request is exempt when any one of them holds, and the check is then not
// asked; but for Images, which exempt containers. Cluster-scoped objects are in no namespace.
type Exemptions struct {
	// Namespaces by name. A Namespace itself counts as being in itself. Name only those that exist: a free name could be
	// taken by any user who may create namespaces.
	Namespaces []string `json:"namespaces,omitempty"`
	// Namespaces by their labels. Any user who may label a namespace can then exempt it.
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// Users by name, such as system:kube-scheduler.
	Users []string `json:"users,omitempty"`
	// Groups of users, such as system:masters.
	Groups []string `json:"groups,omitempty"`
	// Service accounts that make the request, as namespace/name. They are not those that a Pod runs as: Pods of a
	// Deployment are made by a controller. Name only those that exist.
	ServiceAccounts []string `json:"serviceAccounts,omitempty"`
	// Images by repository, with a tag or digest if only that is meant, or all below a place, as in ghcr.io/acme/*. What
	// is wrong with a container of such an image does not count; what is wrong with the Pod or with its other containers
	// does.
	Images []string `json:"images,omitempty"`
	// Objects by kind and name, with a reason and perhaps an end.
	Objects []ObjectExemption `json:"objects,omitempty"`
}

// Validate returns everything that is wrong, with the path of each field; path is that of the exemptions.
func (e Exemptions) Validate(path *field.Path) field.ErrorList {
	errs := each(path.Child("namespaces"), e.Namespaces, func(text string) string {
		return strings.Join(validation.IsDNS1123Label(text), "; ")
	})
	errs = append(errs, each(path.Child("users"), e.Users, notEmpty)...)
	errs = append(errs, each(path.Child("groups"), e.Groups, notEmpty)...)
	errs = append(errs, each(path.Child("serviceAccounts"), e.ServiceAccounts, notServiceAccount)...)
	errs = append(errs, each(path.Child("images"), e.Images, func(text string) string {
		if _, err := image.ParsePattern(text); err != nil {
			return err.Error()
		}
		return ""
	})...)
	for i, object := range e.Objects {
		errs = append(errs, object.validate(path.Child("objects").Index(i))...)
	}
	if e.NamespaceSelector == nil {
		return errs
	}
	path = path.Child("namespaceSelector")
	if len(e.NamespaceSelector.MatchLabels)+len(e.NamespaceSelector.MatchExpressions) == 0 {
		return append(errs, field.Required(path, "an empty selector exempts every namespace: write mode: off for that"))
	}
	wrong := metav1validation.ValidateLabelSelector(e.NamespaceSelector,
		metav1validation.LabelSelectorValidationOptions{}, path)
	if problem := SelectsNothing(e.NamespaceSelector); problem != "" && len(wrong) == 0 {
		wrong = append(wrong, field.Invalid(path, metav1.FormatLabelSelector(e.NamespaceSelector), problem))
	}
	return append(errs, wrong...)
}

// exemption is what exempted something; it is a label of the metrics.
type exemption string

const (
	byNamespace         exemption = "namespace"
	byNamespaceSelector exemption = "namespaceSelector"
	byUser              exemption = "user"
	byGroup             exemption = "group"
	byServiceAccount    exemption = "serviceAccount"
	byImage             exemption = "image"
	byObject            exemption = "object"
)

// exempter is Exemptions ready for use.
type exempter struct {
	namespaces, users, groups, accounts sets.Set[string]
	selector                            labels.Selector // nil: none
	images                              image.Patterns
	objects                             []ObjectExemption
}

func (e Exemptions) compile() (exempter, error) {
	if err := e.Validate(field.NewPath("exempt")).ToAggregate(); err != nil {
		return exempter{}, err
	}
	x := exempter{
		namespaces: sets.New(e.Namespaces...), users: sets.New(e.Users...), groups: sets.New(e.Groups...),
		accounts: sets.New[string](), objects: e.Objects,
	}
	for _, account := range e.ServiceAccounts {
		x.accounts.Insert("system:serviceaccount:" + strings.Replace(account, "/", ":", 1))
	}
	var err error
	if x.images, err = image.ParsePatterns(e.Images); err != nil {
		return exempter{}, err
	}
	if e.NamespaceSelector != nil {
		if x.selector, err = metav1.LabelSelectorAsSelector(e.NamespaceSelector); err != nil {
			return exempter{}, fmt.Errorf("exempt.namespaceSelector: %w", err)
		}
	}
	return x, nil
}

// ofWhole returns what exempts a request as a whole, and the name or value that did, or nothing. namespaceLabels is
// asked only if it has to be.
func (x *exempter) ofWhole(req *Request, namespaceLabels func() labels.Set) (by exemption, who string) {
	user := req.UserInfo.Username
	switch {
	case req.Namespace != "" && x.namespaces.Has(req.Namespace):
		return byNamespace, req.Namespace
	case x.users.Has(user):
		return byUser, user
	case x.accounts.Has(user):
		return byServiceAccount, user
	}
	for _, group := range req.UserInfo.Groups {
		if x.groups.Has(group) {
			return byGroup, group
		}
	}
	if x.selector != nil && req.Namespace != "" {
		if set := namespaceLabels(); set != nil && x.selector.Matches(set) {
			return byNamespaceSelector, req.Namespace
		}
	}
	return "", ""
}

// ofObject returns what exempts the object of a request, or nil.
func (x *exempter) ofObject(req *Request, now func() time.Time) *ObjectExemption {
	for i := range x.objects {
		if x.objects[i].matches(req, now()) {
			return &x.objects[i]
		}
	}
	return nil
}
