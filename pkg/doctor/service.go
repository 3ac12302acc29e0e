// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// services judges the way from an entry to its Pods.
type services struct{ *examination }

// client judges whom the entry names.
func (x services) client(e *Entry) bool {
	if _, _, ok := e.service(); ok {
		return true
	}
	u, err := url.Parse(ptr.Deref(e.ClientConfig.URL, ""))
	if err == nil && u.Scheme == "https" && u.Hostname() != "" {
		return true
	}
	x.find(e, IDClientInvalid, "set clientConfig.service, or clientConfig.url to https://HOST:PORT/PATH",
		"the entry calls %q, which is neither a Service nor an https URL", ptr.Deref(e.ClientConfig.URL, ""))
	return false
}

// service judges the Service of an entry and what is behind it. It returns false if the rest of the entry depends on
// what is wrong.
func (x services) service(e *Entry) bool {
	name, port, ok := e.service()
	if !ok || !x.facts.knows("services", name.Namespace) || x.facts.Offline && len(x.facts.Services) == 0 {
		return true
	}
	service := x.index.services[name]
	if service == nil {
		fix := "create the Service, or correct clientConfig.service"
		if !x.facts.Offline {
			fix = fmt.Sprintf("kubectl -n %s get services # correct the name; or kubectl delete %s %s", name.Namespace,
				strings.ToLower(e.Object.Kind), e.Object.Name)
		}
		x.find(e, IDServiceMissing, fix, "Service %s does not exist", name)
		return false
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		x.find(e, IDServiceExternal, "make it a Service with a selector, or use clientConfig.url",
			"Service %s is of type ExternalName (%s)", name, service.Spec.ExternalName)
		return true // The API server dials the name, at the port that the entry names.
	}
	if service.Spec.ClusterIP == corev1.ClusterIPNone {
		x.find(e, IDServiceHeadless, fmt.Sprintf("kubectl -n %s delete service %s # and create it again without "+
			"clusterIP: None",
			name.Namespace, name.Name), "Service %s is headless", name)
		return false
	}
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port })
	if i < 0 {
		x.find(e, IDServicePort, fmt.Sprintf("set port: %s in clientConfig.service, or add port %d to Service %s",
			cmp.Or(portsOf(service), "PORT"), port, name), "Service %s has no port %d (but %s)", name, port, portsOf(service))
		return false
	}
	p := service.Spec.Ports[i]
	if cmp.Or(p.Protocol, corev1.ProtocolTCP) != corev1.ProtocolTCP {
		x.find(e, IDServiceProtocol, fmt.Sprintf("set protocol: TCP for port %d of Service %s", port, name),
			"port %d of Service %s has protocol %s", port, name, p.Protocol)
		return false
	}
	if x.facts.Offline {
		return x.offline(e, service, p)
	}
	return x.endpoints(e, service, p)
}

func portsOf(service *corev1.Service) string {
	var ports []string
	for _, p := range service.Spec.Ports {
		ports = append(ports, fmt.Sprint(p.Port))
	}
	return strings.Join(ports, ", ")
}

// endpoints judges what is behind a port of a Service.
func (x services) endpoints(e *Entry, service *corev1.Service, port corev1.ServicePort) bool {
	name := types.NamespacedName{Namespace: service.Namespace, Name: service.Name}
	if !x.facts.knows("endpointslices", name.Namespace) {
		return true
	}
	backends, notReady := x.backends(name, port)
	if len(backends) > 0 {
		x.policies(e, backends)
		return true
	}
	pods := x.index.selected(name.Namespace, service.Spec.Selector)
	switch knowsPods := x.facts.knows("pods", name.Namespace); {
	case knowsPods && x.targetPort(e, pods, name, port):
	case len(pods) > 0 || notReady > 0:
		x.find(e, IDEndpointsNotReady, fmt.Sprintf("kubectl -n %s describe pods %s", name.Namespace, selectorOf(service)),
			"Service %s has no ready endpoint: %s", name, states(pods, notReady))
	case len(service.Spec.Selector) == 0:
		x.find(e, IDEndpointsMissing, fmt.Sprintf("give Service %s a selector, or create an EndpointSlice for it", name),
			"Service %s has no selector and no endpoint", name)
	case knowsPods:
		x.find(e, IDEndpointsMissing, fmt.Sprintf("kubectl -n %s get pods --show-labels # the Service selects %s",
			name.Namespace, selectorText(service)), "Service %s selects no Pod (%s)", name, selectorText(service))
	default:
		x.find(e, IDEndpointsMissing, fmt.Sprintf("kubectl -n %s get pods %s", name.Namespace, selectorOf(service)),
			"Service %s has no endpoint", name)
	}
	return false
}

func selectorText(service *corev1.Service) string {
	var parts []string
	for key, value := range service.Spec.Selector {
		parts = append(parts, key+"="+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

func selectorOf(service *corev1.Service) string {
	if text := selectorText(service); text != "" {
		return "-l " + text
	}
	return ""
}

// targetPort finds a named port that no container of the Pods has: such a Service has no endpoints at all.
func (x services) targetPort(
	e *Entry, pods []*corev1.Pod, name types.NamespacedName, port corev1.ServicePort,
) bool {
	if port.TargetPort.Type != intstr.String || len(pods) == 0 {
		return false
	}
	var named []string
	for _, pod := range pods {
		for _, p := range portsOfPod(&pod.Spec) {
			if p.Name == port.TargetPort.StrVal {
				return false
			}
			if p.Name != "" && !slices.Contains(named, p.Name) {
				named = append(named, p.Name)
			}
		}
	}
	x.find(e, IDTargetPort, fmt.Sprintf("set the targetPort of port %d of Service %s to a port of the "+
		"container", port.Port,
		name), "targetPort %q of Service %s is the name of no container port (but %s)", port.TargetPort.StrVal, name,
		cmp.Or(strings.Join(named, ", "), "there are no names"))
	return true
}

// portsOfPod are those that the containers declare, sidecars included.
func portsOfPod(spec *corev1.PodSpec) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	for _, c := range slices.Concat(spec.Containers, spec.InitContainers) {
		ports = append(ports, c.Ports...)
	}
	return ports
}

// states says of Pods that are not ready why not, of three at most.
func states(pods []*corev1.Pod, notReady int) string {
	if len(pods) == 0 {
		return fmt.Sprintf("%d are not ready", notReady)
	}
	var all []string
	for i, pod := range pods {
		if i == 3 {
			all = append(all, fmt.Sprintf("and %d more", len(pods)-i))
			break
		}
		all = append(all, fmt.Sprintf("Pod %s is %s", pod.Name, state(pod)))
	}
	return strings.Join(all, ", ")
}

func state(pod *corev1.Pod) string {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := s.State.Waiting; w != nil && w.Reason != "" {
			return fmt.Sprintf("waiting (%s, container %s, %d restarts)", w.Reason, s.Name, s.RestartCount)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return fmt.Sprintf("not scheduled (%s)", c.Message)
		}
	}
	return "not ready (" + string(cmp.Or(pod.Status.Phase, "Unknown")) + ")"
}

// offline judges what manifests say about who is behind a port of a Service.
func (x services) offline(e *Entry, service *corev1.Service, port corev1.ServicePort) bool {
	name := types.NamespacedName{Namespace: service.Namespace, Name: service.Name}
	var named []string
	behind := x.index.behind(service)
	for _, w := range behind {
		for _, p := range portsOfPod(w.spec) {
			if port.TargetPort.Type != intstr.String || p.Name == port.TargetPort.StrVal {
				return true
			}
			named = append(named, cmp.Or(p.Name, fmt.Sprint(p.ContainerPort)))
		}
	}
	switch {
	case len(behind) == 0 && len(service.Spec.Selector) > 0:
		x.find(e, IDEndpointsMissing, fmt.Sprintf("make the selector of Service %s match the labels of the server's "+
			"Pods", name),
			"Service %s selects the Pods of no workload in the manifests (%s)", name, selectorText(service))
	case len(behind) > 0 && port.TargetPort.Type == intstr.String:
		x.find(e, IDTargetPort, fmt.Sprintf("set the targetPort of port %d of Service %s to a port of the "+
			"container", port.Port,
			name), "targetPort %q of Service %s is the name of no container port (but %s)", port.TargetPort.StrVal, name,
			cmp.Or(strings.Join(named, ", "), "there are none"))
	default:
		return true
	}
	return false
}
