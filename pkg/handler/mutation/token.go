// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// tokenless takes the token for the Kubernetes API from Pods that do not ask for it.
type tokenless struct {
	// ExceptServiceAccounts are the names of ServiceAccounts whose Pods keep their token, in whatever namespace.
	ExceptServiceAccounts []string `json:"exceptServiceAccounts,omitempty"`
}

func noServiceAccountToken() handler.Definition {
	const name = "noServiceAccountToken"
	return handler.DefineMutation(name, handler.Doc{
		Summary: "A Pod that does not say automountServiceAccountToken gets false, and no token is mounted.",
		Why: "The token lets an attacker who controls the program talk to the Kubernetes API with all rights of the " +
			"ServiceAccount, while few programs use it. Those that do say automountServiceAccountToken: true in their " +
			"Pods, or are named here by their ServiceAccount; that a ServiceAccount says true does not count.",
		Denied: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
`,
		Admitted: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  automountServiceAccountToken: false
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
`,
	}, func() tokenless { return tokenless{} }, func(p tokenless, _ handler.Environment) (handler.Mutation, error) {
		return pods{name, p.change}, nil
	})
}

// Validate implements [handler.Validator].
func (p tokenless) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range p.ExceptServiceAccounts {
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			errs = append(errs, field.Invalid(path.Child("exceptServiceAccounts").Index(i), name,
				"must be the name of a ServiceAccount"))
		}
	}
	return errs
}

func (p tokenless) change(spec *corev1.PodSpec) {
	account := cmp.Or(spec.ServiceAccountName, spec.DeprecatedServiceAccount, "default")
	if spec.AutomountServiceAccountToken != nil || slices.Contains(p.ExceptServiceAccounts, account) {
		return
	}
	spec.AutomountServiceAccountToken = ptr.To(false)
	removeTokens(spec)
}

// removeTokens takes out of a Pod what the API server has put in for the token: it does so before it asks webhooks.
func removeTokens(spec *corev1.PodSpec) {
	const prefix, place = "kube-api-access-", "/var/run/secrets/kubernetes.io/serviceaccount"
	isToken := func(v corev1.Volume) bool { return strings.HasPrefix(v.Name, prefix) && v.Projected != nil }
	if !slices.ContainsFunc(spec.Volumes, isToken) {
		return
	}
	spec.Volumes = slices.DeleteFunc(spec.Volumes, isToken)
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			containers[i].VolumeMounts = slices.DeleteFunc(containers[i].VolumeMounts, func(m corev1.VolumeMount) bool {
				return strings.HasPrefix(m.Name, prefix) && m.MountPath == place
			})
		}
	}
}
