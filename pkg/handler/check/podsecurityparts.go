// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/pod-security-admission/policy"
)

// control stands for which control is broken here. The library gives it no other name than the reason, which is in the
// singular or in the plural.
func (p place) control(r policy.CheckResult) string {
	control := strings.TrimSuffix(r.ForbiddenReason, "s")
	switch {
	case p.rest != "":
		return digest(control, p.rest)
	case p.container == nil:
		return control
	}
	return digest(control, p.container.sort, p.container.Name)
}

// values stand for what breaks a control here, one by one. The library's detail has them in a sentence, which is
// another one as soon as any of them goes; where the values are not known apart, it has to do. What p.parts has is left
// out.
func (p place) values(r policy.CheckResult) []string {
	switch r.ForbiddenReason {
	case "seLinuxOptions", "hostPath volumes", "restricted volume types", "forbidden sysctls":
		return nil
	case "host namespaces":
		return hostNamespaceValues(p.pod.Spec)
	case "seccompProfile", "forbidden AppArmor profile", "forbidden AppArmor profiles":
		isSeccomp := r.ForbiddenReason == "seccompProfile"
		return append(p.profileAnnotations(r.ForbiddenDetail, isSeccomp), p.profile(isSeccomp))
	}
	if p.container != nil {
		switch r.ForbiddenReason {
		case "non-default capabilities", "unrestricted capabilities":
			return p.container.capabilityValues(r.ForbiddenDetail)
		case "hostPort":
			return p.container.hostPortValues()
		case "probe or lifecycle host":
			return p.container.hostValues()
		}
	}
	// What is wrong with the Pod as well is said there.
	return []string{digest(strings.TrimPrefix(r.ForbiddenDetail, "pod and "))}
}

// debugParts stand for the ephemeral containers for which it is so, too, what is wrong with their Pod. Volumes are for
// those that mount them, and these mounts are parts already.
func (p place) debugParts(reason string) []string {
	if p.container != nil || p.pod.Spec == nil || len(p.pod.Spec.EphemeralContainers) == 0 {
		return nil
	}
	return imageParts(p.pod, func(c *podContainer) bool {
		if isNoDebug(c) {
			return false
		}
		switch own := c.security(); reason {
		case "hostPath volumes", "restricted volume types", "forbidden sysctls":
			return false
		case "seLinuxOptions":
			return own.SELinuxOptions == nil
		case "seccompProfile":
			return own.SeccompProfile == nil
		case "runAsNonRoot != true":
			return own.RunAsNonRoot == nil
		case "runAsUser=0":
			return own.RunAsUser == nil
		}
		return true
	})
}

func hostNamespaceValues(spec *corev1.PodSpec) []string {
	var values []string
	for name, is := range map[string]bool{
		"hostNetwork": spec.HostNetwork, "hostPID": spec.HostPID, "hostIPC": spec.HostIPC,
	} {
		if is {
			values = append(values, name)
		}
	}
	slices.Sort(values)
	return values
}

// profile is the seccomp or the AppArmor profile of this place.
func (p place) profile(isSeccomp bool) string {
	seccomp, appArmor := p.pod.security().SeccompProfile, p.pod.security().AppArmorProfile
	if p.container != nil {
		seccomp, appArmor = p.container.security().SeccompProfile, p.container.security().AppArmorProfile
	}
	if isSeccomp {
		return digest("seccomp", seccomp.String())
	}
	return digest("AppArmor", appArmor.String())
}

// Where profiles were once.
const (
	seccompOfPod       = "seccomp.security.alpha.kubernetes.io/pod"
	seccompOfContainer = "container.seccomp.security.alpha.kubernetes.io/"
	appArmorOf         = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix
)

// profileAnnotations are the profiles in annotations that the detail finds fault with. AppArmor's are those of the Pod.
func (p place) profileAnnotations(detail string, isSeccomp bool) []string {
	all := p.pod.Metadata.Annotations
	var values []string
	add := func(key string) { values = append(values, digest("annotation", key, all[key])) }
	if p.container != nil {
		if key := seccompOfContainer + p.container.Name; strings.Contains(detail, key) {
			add(key)
		}
		return values
	}
	if strings.Contains(detail, seccompOfPod) {
		add(seccompOfPod)
	}
	for key, value := range all {
		if !isSeccomp && strings.HasPrefix(key, appArmorOf) && !allowsAppArmor(key, value) {
			add(key)
		}
	}
	slices.Sort(values)
	return values
}

// allowsAppArmor asks the library about one annotation: to find it in the detail, which has all of them, would take
// time in proportion to the square of their number. All versions of the standards have the same rule.
func allowsAppArmor(key, value string) bool {
	alone := &metav1.ObjectMeta{Annotations: map[string]string{key: value}}
	return policy.CheckAppArmorProfile().Versions[0].CheckPod(alone, &corev1.PodSpec{}).Allowed
}

// capabilityValues are the capabilities that the detail finds fault with: they are in quotes there, between commas. If
// a name has a quote, it is not known where one ends, and all count: no standard allows a name with a quote.
func (c *podContainer) capabilityValues(detail string) []string {
	var values []string
	if strings.Contains(detail, "securityContext.capabilities.drop") {
		values = append(values, "drop")
	}
	var added []corev1.Capability
	if capabilities := c.security().Capabilities; capabilities != nil {
		added = capabilities.Add
	}
	_, list, _ := strings.Cut(detail, `container "`+c.Name+`" must not include "`)
	atFault := sets.New(strings.Split(strings.TrimSuffix(list, `" in securityContext.capabilities.add`), `", "`)...)
	all := slices.ContainsFunc(added, func(name corev1.Capability) bool { return strings.Contains(string(name), `"`) })
	for _, name := range added {
		if all || atFault.Has(string(name)) {
			values = append(values, digest("add", string(name)))
		}
	}
	return values
}

func (c *podContainer) hostPortValues() []string {
	var values []string
	for _, port := range c.Ports {
		if port.HostPort != 0 {
			values = append(values, fmt.Sprint("port ", port.HostPort))
		}
	}
	return values
}

// hostValues are the hosts that the kubelet asks, or tells of the container's life.
func (c *podContainer) hostValues() []string {
	var handlers []*corev1.LifecycleHandler
	if c.Lifecycle != nil {
		handlers = append(handlers, c.Lifecycle.PostStart, c.Lifecycle.PreStop)
	}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe != nil {
			handlers = append(handlers, &corev1.LifecycleHandler{HTTPGet: probe.HTTPGet, TCPSocket: probe.TCPSocket})
		}
	}
	var values []string
	for _, h := range handlers {
		if h != nil && h.HTTPGet != nil && h.HTTPGet.Host != "" {
			values = append(values, digest("host", h.HTTPGet.Host))
		}
		if h != nil && h.TCPSocket != nil && h.TCPSocket.Host != "" {
			values = append(values, digest("host", h.TCPSocket.Host))
		}
	}
	return values
}
