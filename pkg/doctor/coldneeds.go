// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/asked"
)

// need is a request without which a server does not come back.
type need struct {
	object    asked.Object
	operation admissionregistrationv1.OperationType
	what      string // the request in words
	namespace string // of the object; empty for none
}

// coldNeeds are the requests without which the Pods of a Service do not come back, besides [examination.nodeNeeds].
func (x coldStart) coldNeeds(name types.NamespacedName, service *corev1.Service) []need {
	var needs []need
	for _, w := range x.podsMade(service) {
		needs = append(needs, podNeeds(w)...)
	}
	set := labels.Set(service.Labels)
	set = labels.Merge(set, labels.Set{discoveryv1.LabelServiceName: name.Name})
	slices := requested("discovery.k8s.io", "endpointslices", name.Namespace, set)
	for _, operation := range writes() {
		needs = append(needs, need{slices, operation, "its EndpointSlices are written", name.Namespace})
	}
	return needs
}

func writes() []admissionregistrationv1.OperationType {
	return []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
}

func requested(group, resource, namespace string, set labels.Set) asked.Object {
	return asked.Object{
		Resources: []schema.GroupVersionResource{{Group: group, Version: "v1", Resource: resource}},
		Namespace: namespace, Labels: set,
	}
}

// podsMade are the Pods behind a Service, one for each workload: by the templates, and those Pods that no known
// workload makes.
func (x coldStart) podsMade(service *corev1.Service) []workload {
	made := x.index.behind(service)
	for _, pod := range x.index.selected(service.Namespace, service.Spec.Selector) {
		same := slices.ContainsFunc(made, func(w workload) bool {
			return labels.SelectorFromSet(w.labels).Matches(labels.Set(pod.Labels))
		})
		if !same {
			made = append(made, workload{Object{"Pod", pod.Namespace, pod.Name}, pod.Labels, &pod.Spec})
		}
	}
	return made
}

// podNeeds are the requests that it takes until a Pod of a workload runs: its controller creates it, the scheduler
// binds it, the kubelet gets a token for it and reports its status.
func podNeeds(w workload) []need {
	ns, set := w.object.Namespace, labels.Set(w.labels)
	account := cmp.Or(w.spec.ServiceAccountName, "default")
	pods, are := fmt.Sprintf("Pods of %s %s/%s", w.object.Kind, ns, w.object.Name), "are"
	if w.object.Kind == "Pod" { // No known workload makes it.
		pods, are = fmt.Sprintf("Pod %s/%s", ns, w.object.Name), "is"
	}
	return []need{
		{requested("", "pods", ns, set), admissionregistrationv1.Create, pods + " " + are + " created", ns},
		{requested("", "pods/binding", ns, nil), admissionregistrationv1.Create, pods + " " + are + " scheduled", ns},
		{requested("", "pods/status", ns, set), admissionregistrationv1.Update, "the status of " +
			pods + " is written", ns},
		{requested("", "serviceaccounts/token", ns, nil), admissionregistrationv1.Create,
			fmt.Sprintf("the kubelet gets a token of ServiceAccount %s/%s", ns, account), ns},
	}
}

// nodeNeeds are the requests by which a node registers, and by which the control plane and the network add-on come
// back.
func (x coldStart) nodeNeeds() []need {
	const heartbeats, system = "kube-node-lease", "kube-system"
	var needs []need
	add := func(o asked.Object, namespace, what string, operations ...admissionregistrationv1.OperationType) {
		for _, operation := range operations {
			needs = append(needs, need{o, operation, what, namespace})
		}
	}
	add(requested("", "nodes", "", nil), "", "a node registers", writes()...)
	add(requested("", "nodes/status", "", nil), "", "a node reports its status", admissionregistrationv1.Update)
	add(requested("coordination.k8s.io", "leases", heartbeats, nil), heartbeats, "a node renews its "+
		"Lease", writes()...)
	add(requested("coordination.k8s.io", "leases", system, nil), system,
		"the scheduler and the controller manager renew their Leases", writes()...)
	add(requested("certificates.k8s.io", "certificatesigningrequests", "", nil), "",
		"a node requests its certificate", admissionregistrationv1.Create)
	add(requested("storage.k8s.io", "csinodes", "", nil), "", "a node registers its storage drivers", writes()...)
	for _, w := range x.index.workloads {
		if isNetwork(w) {
			needs = append(needs, podNeeds(w)...)
		}
	}
	return needs
}

// isNetwork finds network add-ons, by the directories of the kubelet that they install themselves in, and kube-proxy.
func isNetwork(w workload) bool {
	return w.object.Kind == "DaemonSet" && (w.labels["k8s-app"] == "kube-proxy" ||
		slices.ContainsFunc(w.spec.Volumes, func(v corev1.Volume) bool {
			return v.HostPath != nil &&
				(strings.HasPrefix(v.HostPath.Path, "/etc/cni") || strings.HasPrefix(v.HostPath.Path, "/opt/cni"))
		}))
}
