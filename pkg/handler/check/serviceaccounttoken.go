// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ServiceAccountToken denies Pods that get a token for the Kubernetes API without a need. A token that a Pod asks for
// with a projected volume of its own is no business of this check.
type ServiceAccountToken struct {
	// AllowedServiceAccounts are the names of ServiceAccounts whose Pods may have their token mounted, in whatever
	// namespace; "*" stands for all but "default", which every Pod has that names none.
	AllowedServiceAccounts []string `json:"allowedServiceAccounts,omitempty"`
}

func serviceAccountTokenDefinition() handler.Definition {
	return definePods("serviceAccountToken", handler.Doc{
		Summary: "Pods say automountServiceAccountToken: false, unless their ServiceAccount is an allowed one.",
		Why: "The token lets whoever takes the program over talk to the Kubernetes API with all rights of the " +
			"ServiceAccount, and is mounted by default, while few programs use it.",
		Parameters: `
allowedServiceAccounts: [operator]
`,
		Denied: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - name: app
    image: registry.example/app:1.2.3
`,
		Admitted: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  automountServiceAccountToken: false
  containers:
  - name: app
    image: registry.example/app:1.2.3
`,
	}, no[ServiceAccountToken])
}

// anyName stands for all names in a list.
const anyName = "*"

// Validate implements [handler.Validator].
func (p ServiceAccountToken) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range p.AllowedServiceAccounts {
		if problems := validation.IsDNS1123Subdomain(name); name != anyName && len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Child("allowedServiceAccounts").Index(i), name,
				`must be the name of a ServiceAccount, or "*"`))
		}
	}
	return errs
}

func (p ServiceAccountToken) violations(_ context.Context, pod PodTemplate) []handler.Violation {
	account := cmp.Or(pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount, "default")
	if isFalse(pod.Spec.AutomountServiceAccountToken) || p.allow(account) {
		return nil
	}
	// A token is mounted when a Pod is made, and never into a container for debugging.
	return []handler.Violation{riskOf(imageParts(pod, isNoDebug), pod.Path.Child("automountServiceAccountToken"),
		"the token of ServiceAccount %q is mounted; set automountServiceAccountToken: false, or use an allowed "+
			"ServiceAccount (%s)", account, allowedList(p.AllowedServiceAccounts))}
}

func (p ServiceAccountToken) allow(account string) bool {
	return slices.Contains(p.AllowedServiceAccounts, account) ||
		account != "default" && slices.Contains(p.AllowedServiceAccounts, anyName)
}
