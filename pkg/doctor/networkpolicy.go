// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// policies judges whether NetworkPolicies let the API server in at the Pod's port. The API server is no Pod: what
// allows Pods alone does not allow it. Pods with hostNetwork are not subject to policies.
func (x services) policies(e *Entry, backends []Backend) {
	for _, b := range backends {
		pod := x.index.pods[b.Pod]
		if pod == nil || pod.Spec.HostNetwork {
			continue
		}
		var names []string
		port, source := false, false
		for _, policy := range x.index.policies[pod.Namespace] {
			if !isolates(policy, pod) {
				continue
			}
			names = append(names, policy.Name)
			for _, rule := range policy.Spec.Ingress {
				if allowsPort(rule, pod, b.Port) {
					port = true
					source = source || allowsOutside(rule)
				}
			}
		}
		if len(names) == 0 || source {
			continue
		}
		slices.Sort(names)
		policy := fmt.Sprintf("NetworkPolicy %s/%s", pod.Namespace, strings.Join(names, ", "))
		fix := fmt.Sprintf("kubectl -n %s edit networkpolicy %s # add to the list spec.ingress: - ports: [{port: %d}]",
			pod.Namespace, names[0], b.Port)
		if port {
			x.find(e, IDPolicySource, fix,
				"%s allows port %d of Pod %s from Pods only", policy, b.Port, b.Pod)
		} else {
			x.find(e, IDPolicyPort, fix,
				"%s selects Pod %s and does not allow its port %d", policy, b.Pod, b.Port)
		}
		return // One of them is enough: the others are alike.
	}
}

// isolates says whether a policy is about the connections to a Pod.
func isolates(policy *networkingv1.NetworkPolicy, pod *corev1.Pod) bool {
	types := policy.Spec.PolicyTypes
	if len(types) > 0 && !slices.Contains(types, networkingv1.PolicyTypeIngress) {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	return err == nil && selector.Matches(labels.Set(pod.Labels))
}

func allowsPort(rule networkingv1.NetworkPolicyIngressRule, pod *corev1.Pod, port int32) bool {
	return len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
		if ptr.Deref(p.Protocol, corev1.ProtocolTCP) != corev1.ProtocolTCP {
			return false
		}
		switch {
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return slices.ContainsFunc(portsOfPod(&pod.Spec), func(c corev1.ContainerPort) bool {
				return c.Name == p.Port.StrVal && c.ContainerPort == port &&
					cmp.Or(c.Protocol, corev1.ProtocolTCP) == corev1.ProtocolTCP
			})
		}
		return p.Port.IntVal <= port && port <= ptr.Deref(p.EndPort, p.Port.IntVal)
	})
}

// allowsOutside says whether a rule allows addresses that need not be those of Pods. Which of an ipBlock's are the API
// server's is not known.
func allowsOutside(rule networkingv1.NetworkPolicyIngressRule) bool {
	return len(rule.From) == 0 || slices.ContainsFunc(rule.From, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.IPBlock != nil
	})
}
