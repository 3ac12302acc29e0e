// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Backend is a ready endpoint behind a port of a Service.
type Backend struct {
	// Pod is empty for an endpoint that is none.
	Pod types.NamespacedName
	// Addresses are where it is, as IPs, or as the name of an ExternalName; Port is that of the Pod.
	Addresses []string
	Port      int32
}

// ready are the ready endpoints to which the calls of an entry may go.
func (x *index) ready(e *Entry) []Backend {
	name, number, ok := e.service()
	service := x.services[name]
	if !ok || service == nil {
		return nil
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return []Backend{{Addresses: []string{service.Spec.ExternalName}, Port: number}}
	}
	i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == number })
	if i < 0 {
		return nil
	}
	found, _ := x.backends(name, service.Spec.Ports[i])
	return found
}

func (x services) backends(name types.NamespacedName, port corev1.ServicePort) (ready []Backend, notReady int) {
	return x.index.backends(name, port)
}

// backends are the ready endpoints behind a port of a Service, without duplicates, and the number of the others.
func (x *index) backends(name types.NamespacedName, port corev1.ServicePort) (ready []Backend, notReady int) {
	seen := map[string]bool{}
	for _, slice := range x.slices[name] {
		i := slices.IndexFunc(slice.Ports, func(p discoveryv1.EndpointPort) bool {
			return ptr.Deref(p.Name, "") == port.Name && p.Port != nil
		})
		if i < 0 {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			b := Backend{Addresses: endpoint.Addresses, Port: *slice.Ports[i].Port}
			if t := endpoint.TargetRef; t != nil && t.Kind == "Pod" {
				b.Pod = types.NamespacedName{Namespace: cmp.Or(t.Namespace, name.Namespace), Name: t.Name}
			}
			key := cmp.Or(b.Pod.Name, fmt.Sprint(b.Addresses)) + ":" + strconv.Itoa(int(b.Port))
			switch {
			case seen[key]:
			case !ptr.Deref(endpoint.Conditions.Ready, true):
				notReady++
			default:
				ready = append(ready, b)
			}
			seen[key] = true
		}
	}
	return ready, notReady
}

// behind are the workloads of whose Pods a Service selects.
func (x *index) behind(service *corev1.Service) []workload {
	if len(service.Spec.Selector) == 0 {
		return nil
	}
	matches := labels.SelectorFromSet(service.Spec.Selector)
	var found []workload
	for _, w := range x.workloads {
		if w.object.Namespace == service.Namespace && matches.Matches(labels.Set(w.labels)) {
			found = append(found, w)
		}
	}
	return found
}

// BackendsOf returns a function that finds the ready endpoints to which the API server's calls of an entry may go.
// There are none for a URL, and if they are not known. A Service of type ExternalName has its name. The function is
// for one goroutine at a time, and for the facts as they are now.
func (f *Facts) BackendsOf() func(e *Entry) []Backend {
	x := newIndex(f)
	return func(e *Entry) []Backend { return x.ready(e) }
}
