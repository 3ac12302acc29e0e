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
		return pods{name: name, change: func(spec *corev1.PodSpec) { p.deny(spec) }, changePod: p.changePod}, nil
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

// deny says that a Pod gets no token, unless it says something itself.
func (p tokenless) deny(spec *corev1.PodSpec) bool {
	account := cmp.Or(spec.ServiceAccountName, spec.DeprecatedServiceAccount, "default")
	if spec.AutomountServiceAccountToken != nil || slices.Contains(p.ExceptServiceAccounts, account) {
		return false
	}
	spec.AutomountServiceAccountToken = ptr.To(false)
	return true
}

// changePod also takes out of a Pod what the API server has put in for the token: it does so before it asks webhooks.
// Templates have nothing of it.
func (p tokenless) changePod(spec *corev1.PodSpec) {
	if !p.deny(spec) {
		return
	}
	for _, volume := range slices.Clone(spec.Volumes) {
		if isToken(volume) && isOnlyMountedForTokens(spec, volume.Name) {
			removeVolume(spec, volume.Name)
		}
	}
}

// isToken says whether a volume is as the API server makes it: with five random characters at the end of its name, of
// those that Kubernetes has in random names, and the token first. Distributions add ConfigMaps.
func isToken(v corev1.Volume) bool {
	random, ok := strings.CutPrefix(v.Name, "kube-api-access-")
	if !ok || len(random) != 5 || strings.Trim(random, "bcdfghjklmnpqrstvwxz2456789") != "" ||
		v.Projected == nil || len(v.Projected.Sources) == 0 {
		return false
	}
	token := v.Projected.Sources[0].ServiceAccountToken
	return token != nil && token.Path == "token" && token.Audience == "" &&
		!slices.ContainsFunc(v.Projected.Sources[1:], func(s corev1.VolumeProjection) bool {
			return s.ConfigMap == nil && s.DownwardAPI == nil
		})
}

// isOnlyMountedForTokens says whether a volume is mounted where clients of Kubernetes read the token, and nowhere else.
func isOnlyMountedForTokens(spec *corev1.PodSpec, volume string) bool {
	const place = "/var/run/secrets/kubernetes.io/serviceaccount"
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range containers {
			if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
				return m.Name == volume && m.MountPath != place
			}) {
				return false
			}
		}
	}
	return true
}

// removeVolume removes a volume and its mounts: no API server takes a mount without its volume.
func removeVolume(spec *corev1.PodSpec, name string) {
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			containers[i].VolumeMounts = slices.DeleteFunc(containers[i].VolumeMounts,
				func(m corev1.VolumeMount) bool { return m.Name == name })
		}
	}
}
