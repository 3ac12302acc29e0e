// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// serviceAccountToken denies Pods that get a token for the Kubernetes API without a need. A token that a Pod asks for
// with a projected volume of its own is no business of this check.
type serviceAccountToken struct {
	// AllowedServiceAccounts are the names of ServiceAccounts whose Pods may have their token mounted, in whatever
	// namespace; "*" stands for all but "default", which every Pod has that names none.
	AllowedServiceAccounts []string `json:"allowedServiceAccounts,omitempty"`
	// ReadServiceAccounts admits Pods that say nothing if their ServiceAccount says automountServiceAccountToken: false.
	ReadServiceAccounts bool `json:"readServiceAccounts"`
}

func serviceAccountTokenDefinition() handler.Definition {
	return handler.Define("serviceAccountToken", handler.Doc{
		Summary: "Pods or their ServiceAccounts say automountServiceAccountToken: false, unless the ServiceAccount is an " +
			"allowed one.",
		Why: "The token lets an attacker who controls the program talk to the Kubernetes API with all rights of the " +
			"ServiceAccount, and is mounted by default, while few programs use it.",
	}, func() serviceAccountToken { return serviceAccountToken{ReadServiceAccounts: true} },
		func(p serviceAccountToken, env handler.Environment) (handler.Check, error) {
			return ruleFunc{"serviceAccountToken", func(
				ctx context.Context, req *handler.Request,
			) ([]handler.Violation, error) {
				return p.evaluate(ctx, req, env)
			}}, nil
		}, tokenlessAccounts())
}

// tokenlessAccounts are the ServiceAccounts whose Pods get no token unless they ask for it, by their names. Nothing is
// kept of the others.
func tokenlessAccounts() *view.View[struct{}] {
	return view.New("tokenless", &corev1.ServiceAccount{}, &corev1.ServiceAccountList{},
		func(o *corev1.ServiceAccount) (view.Kept[struct{}], bool) {
			return view.Kept[struct{}]{Keys: []view.Key{{Text: o.Name}}}, isFalse(o.AutomountServiceAccountToken)
		})
}

// ReadsCluster implements [handler.Reader].
func (p serviceAccountToken) ReadsCluster() bool { return p.ReadServiceAccounts }

// anyName stands for all names in a list.
const anyName = "*"

// Validate implements [handler.Validator].
func (p serviceAccountToken) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range p.AllowedServiceAccounts {
		if problems := validation.IsDNS1123Subdomain(name); name != anyName && len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Child("allowedServiceAccounts").Index(i), name,
				`must be the name of a ServiceAccount, or "*"`))
		}
	}
	return errs
}

func (p serviceAccountToken) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	pod, ok, err := podOf(req)
	if err != nil || !ok {
		return nil, err
	}
	account := cmp.Or(pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount, "default")
	mounts := pod.Spec.AutomountServiceAccountToken
	if isFalse(mounts) || p.allow(account) {
		return nil, nil
	}
	if mounts == nil && p.ReadServiceAccounts {
		find, err := finderOf(ctx, env, tokenlessAccounts())
		tokenless := false
		if err == nil {
			err = find(view.Query{Key: account, In: req.Namespace}, func(view.Found[struct{}]) bool {
				tokenless = true
				return false
			})
		}
		if err != nil || tokenless {
			return nil, err
		}
	}
	// A token is mounted when a Pod is made, and never into a container for debugging.
	return []handler.Violation{riskOf(imageParts(pod, isNoDebug), pod.Path.Child("automountServiceAccountToken"),
		"the token of ServiceAccount %q is mounted; set automountServiceAccountToken: false, or use an allowed "+
			"ServiceAccount (%s)", account, allowedList(p.AllowedServiceAccounts))}, ctx.Err()
}

func (p serviceAccountToken) allow(account string) bool {
	return slices.Contains(p.AllowedServiceAccounts, account) ||
		account != "default" && slices.Contains(p.AllowedServiceAccounts, anyName)
}
