// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// local judges internalTrafficPolicy (KEP-2086). kube-proxy applies it to what processes of the node send as well, an
// API server for one. Behind a DaemonSet there may be a Pod on each of its nodes.
func (x services) local(e *Entry) {
	name, _, ok := e.service()
	service := x.index.services[name]
	if !ok || service == nil || service.Spec.ClusterIP == corev1.ClusterIPNone ||
		ptr.Deref(service.Spec.InternalTrafficPolicy, "") != corev1.ServiceInternalTrafficPolicyLocal ||
		!x.facts.knows("daemonsets", name.Namespace) || x.hasDaemonSet(service) {
		return
	}
	const patch = `kubectl -n %s patch service %s -p '{"spec": {"internalTrafficPolicy": "Cluster"}}'`
	x.find(e, IDServiceLocal, fmt.Sprintf(patch, name.Namespace, name.Name),
		"Service %s has internalTrafficPolicy: Local", name)
}

// hasDaemonSet says whether a DaemonSet makes Pods that the Service selects.
func (x services) hasDaemonSet(service *corev1.Service) bool {
	selector := labels.SelectorFromSet(service.Spec.Selector)
	return slices.ContainsFunc(x.index.workloads, func(w workload) bool {
		return w.object.Kind == "DaemonSet" && w.object.Namespace == service.Namespace && !selector.Empty() &&
			selector.Matches(labels.Set(w.labels))
	})
}
