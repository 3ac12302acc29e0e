// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

func defaultSeccompProfile() handler.Definition {
	return definePods(handler.Doc{
		Summary: "A Pod that says nothing about its seccomp profile gets RuntimeDefault.",
		Why: "Without a profile a container may use all system calls of the kernel. The runtime's own forbids those that " +
			"programs hardly ever use. Profiles of containers stay as they are, and Pods for Windows have none. A Pod whose " +
			"annotation seccomp.security.alpha.kubernetes.io/pod has another profile stays as it is: nodes have not read " +
			"the annotation since Kubernetes 1.27, but an API server refuses a Pod in which the two differ.",
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
  securityContext:
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
`,
	}, pods{name: "defaultSeccompProfile", change: setRuntimeDefault, leaves: hasOtherSeccompAnnotation})
}

func setRuntimeDefault(spec *corev1.PodSpec) {
	if isWindows(spec) || spec.SecurityContext != nil && spec.SecurityContext.SeccompProfile != nil {
		return
	}
	if spec.SecurityContext == nil {
		spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	spec.SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
}

// hasOtherSeccompAnnotation says whether the annotation that was there before the field has another profile than that
// of the runtime.
func hasOtherSeccompAnnotation(meta *metav1.ObjectMeta) bool {
	profile, ok := meta.Annotations[corev1.SeccompPodAnnotationKey]
	return ok && profile != corev1.SeccompProfileRuntimeDefault && profile != corev1.DeprecatedSeccompProfileDockerDefault
}

func dropCapabilities() handler.Definition {
	return definePods(handler.Doc{
		Summary: "A container that does not say which capabilities it drops drops ALL; those that it adds, it keeps.",
		Why: "Runtimes give root a dozen capabilities, such as to change owners of files, and few programs need one. A " +
			"program that does fails after this: look at what mode warn or audit tells, and have it add what it needs. " +
			"Containers that add ALL, privileged ones, for which it means nothing, and Pods for Windows stay as they are.",
		Denied: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
    securityContext:
      capabilities: {add: [NET_BIND_SERVICE]}
`,
		Admitted: `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: ghcr.io/acme/web:v1
    securityContext:
      capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}
`,
	}, pods{name: "dropCapabilities", change: dropAllOfPod})
}

func dropAllOfPod(spec *corev1.PodSpec) {
	if isWindows(spec) {
		return
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			dropAll(&containers[i])
		}
	}
}

func dropAll(c *corev1.Container) {
	if s := c.SecurityContext; s != nil && (s.Privileged != nil && *s.Privileged ||
		s.Capabilities != nil && (s.Capabilities.Drop != nil || addsAll(s.Capabilities))) {
		return
	}
	if c.SecurityContext == nil {
		c.SecurityContext = &corev1.SecurityContext{}
	}
	if c.SecurityContext.Capabilities == nil {
		c.SecurityContext.Capabilities = &corev1.Capabilities{}
	}
	c.SecurityContext.Capabilities.Drop = []corev1.Capability{"ALL"}
}

// addsAll says whether a container asks for all capabilities. Runtimes add ALL before they drop ALL, and afterwards
// only the capabilities that are named, so that none would be left. They read ALL in lower case as well.
func addsAll(c *corev1.Capabilities) bool {
	return slices.ContainsFunc(c.Add, func(name corev1.Capability) bool { return strings.EqualFold(string(name), "ALL") })
}
