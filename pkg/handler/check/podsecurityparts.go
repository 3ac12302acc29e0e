// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/pod-security-admission/policy"
)

// identity stands for which control is broken here.
func (p place) identity(c control) string {
	switch {
	case p.rest != "":
		return digest(string(c.id), p.rest)
	case p.container == nil:
		return string(c.id)
	}
	return digest(string(c.id), p.container.sort, p.container.Name)
}

// values stand for what breaks a control here, one by one, as the fields have it. What p.parts has is left out. Of a
// control whose fields are not known here, what the library says is compared as a whole.
func (p place) values(c control, r policy.CheckResult) []string {
	switch c.id {
	case "seLinuxOptions", "hostPathVolumes", "restrictedVolumes", "sysctls":
		return nil
	case "runAsUser", "windowsHostProcess":
		return nil // only one value is bad
	case "hostNamespaces":
		return hostNamespaceValues(p.pod.Spec)
	case "runAsNonRoot":
		return []string{p.runAsNonRoot()}
	case "seccompProfile_baseline", "seccompProfile_restricted":
		return append(p.profileAnnotations(c), p.profile(true))
	case "appArmorProfile":
		return append(p.profileAnnotations(c), p.profile(false))
	}
	if p.container != nil {
		switch c.id {
		case "privileged", "allowPrivilegeEscalation":
			return nil
		case "procMount", "procMount_restricted":
			return p.container.procMountValues()
		case "capabilities_baseline", "capabilities_restricted":
			return p.container.capabilityValues(c)
		case "hostPorts":
			return p.container.hostPortValues()
		case "hostProbesAndHostLifecycle":
			return p.container.hostValues()
		}
	}
	return []string{digest(r.ForbiddenDetail)}
}

// debugParts stand for the ephemeral containers for which it is so, too, what is wrong with their Pod. Volumes are for
// those that mount them, and these mounts are parts already.
func (p place) debugParts(control control) []string {
	if p.container != nil || p.pod.Spec == nil || len(p.pod.Spec.EphemeralContainers) == 0 {
		return nil
	}
	return imageParts(p.pod, func(c *podContainer) bool {
		if isNoDebug(c) {
			return false
		}
		switch own := c.security(); control.id {
		case "hostPathVolumes", "restrictedVolumes", "sysctls":
			return false
		case "seLinuxOptions":
			return own.SELinuxOptions == nil
		case "seccompProfile_baseline", "seccompProfile_restricted":
			return own.SeccompProfile == nil
		case "runAsNonRoot":
			return own.RunAsNonRoot == nil
		case "runAsUser":
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

// profileAnnotations are the profiles in annotations that break a control by themselves. AppArmor's are those of the
// Pod.
func (p place) profileAnnotations(c control) []string {
	var values []string
	add := func(key, value string, containers ...corev1.Container) {
		// Some controls are broken by a container without any annotation.
		if !c.allows(map[string]string{key: value}, containers...) && c.allows(nil, containers...) {
			values = append(values, digest("annotation", key, value))
		}
	}
	all := p.pod.Metadata.Annotations
	if p.container != nil {
		key := seccompOfContainer + p.container.Name
		if value, ok := all[key]; ok {
			add(key, value, corev1.Container{Name: p.container.Name})
		}
		return values
	}
	for key, value := range all {
		if key == seccompOfPod || strings.HasPrefix(key, appArmorOf) {
			add(key, value)
		}
	}
	slices.Sort(values)
	return values
}

// runAsNonRoot is what this place says: nothing, or that it may run as root.
func (p place) runAsNonRoot() string {
	said := p.pod.security().RunAsNonRoot
	if p.container != nil {
		said = p.container.security().RunAsNonRoot
	}
	return digest("runAsNonRoot", fmt.Sprint(said != nil))
}

func (c *podContainer) procMountValues() []string {
	mount := c.security().ProcMount
	if mount == nil {
		return nil
	}
	return []string{digest("procMount", string(*mount))}
}

// capabilityValues are the capabilities that break a control by themselves, and whether too few are dropped. Each added
// one is tried alone.
func (c *podContainer) capabilityValues(control control) []string {
	allows := func(has corev1.Capabilities) bool {
		return control.allows(nil, corev1.Container{SecurityContext: &corev1.SecurityContext{Capabilities: &has}})
	}
	var own corev1.Capabilities
	if capabilities := c.security().Capabilities; capabilities != nil {
		own = *capabilities
	}
	var values []string
	if !allows(corev1.Capabilities{Drop: own.Drop}) {
		values = append(values, "drop")
	}
	all := []corev1.Capability{"ALL"}
	for name := range sets.New(own.Add...) {
		if !allows(corev1.Capabilities{Drop: all, Add: []corev1.Capability{name}}) {
			values = append(values, digest("add", string(name)))
		}
	}
	slices.Sort(values)
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
