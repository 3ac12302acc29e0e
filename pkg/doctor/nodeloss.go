// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// nodeLoss judges whether webhooks come back when one node is gone.
type nodeLoss struct{ coldStart }

// simulateEach simulates the loss of each node, one at a time: of those servers whose ready Pods are all there, which
// do not come back on another node. A server is in one simulation at most.
func (x nodeLoss) simulateEach(guards []*guard) verdict {
	byNode := map[string][]*guard{}
	for _, g := range guards {
		if node := x.index.onlyNode(g.entry); node != "" {
			byNode[node] = append(byNode[node], g)
		}
	}
	all := verdict{map[types.NamespacedName][]refusal{}, map[types.NamespacedName][]refusal{}}
	for _, of := range byNode {
		v := x.simulate(of, x.survivorNeeds(), x.replacementNeeds)
		maps.Copy(all.certain, v.certain)
		maps.Copy(all.possible, v.possible)
	}
	return all
}

// onlyNode is the node on which all ready Pods of an entry's Service are; empty if there are several, or it is not
// known.
func (x *index) onlyNode(e *Entry) string {
	node := ""
	for i, b := range x.ready(e) {
		pod := x.pods[b.Pod]
		if pod == nil || i > 0 && pod.Spec.NodeName != node {
			return ""
		}
		node = pod.Spec.NodeName
	}
	return node
}

// survivorNeeds are the requests by which the control plane notes that a node is gone, and by which the others stay.
func (x nodeLoss) survivorNeeds() []need {
	const heartbeats, system, leases = "kube-node-lease", "kube-system", "coordination.k8s.io"
	update := admissionregistrationv1.Update
	return []need{
		{requested("", "nodes", "", nil), update, "the node that is gone is tainted", ""},
		{requested("", "nodes/status", "", nil), update, "the status of nodes is written", ""},
		{requested(leases, "leases", heartbeats, nil), update, "the other nodes renew their Leases", heartbeats},
		{requested(leases, "leases", system, nil), update,
			"the scheduler and the controller manager renew their Leases", system},
	}
}

// replacementNeeds are the requests by which the Pods of a Service are replaced: those of a cold start, and before them
// the deletion of those whose node is gone. Until that, their controller makes no others.
func (x nodeLoss) replacementNeeds(name types.NamespacedName, service *corev1.Service) []need {
	var needs []need
	for _, w := range x.podsMade(service) {
		deleted := podNeeds(w)[0]
		deleted.operation = admissionregistrationv1.Delete
		deleted.what = fmt.Sprintf("Pods of %s %s/%s are deleted from the node that is gone", w.object.Kind,
			w.object.Namespace, w.object.Name)
		needs = append(needs, deleted)
	}
	return append(needs, x.coldNeeds(name, service)...)
}
