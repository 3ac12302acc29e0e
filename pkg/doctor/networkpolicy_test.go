// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// A rule is about the port of the Pod, by its number, its name or a range; one without ports is about all.
func TestAllowsPort(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
		{Name: "https", ContainerPort: 9443}, {Name: "metrics", ContainerPort: 8080}}}}}}
	udp := ptr.To(corev1.ProtocolUDP)
	for name, tt := range map[string]struct {
		ports []networkingv1.NetworkPolicyPort
		want  bool
	}{
		"none":          {nil, true},
		"number":        {[]networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromInt32(9443))}}, true},
		"another":       {[]networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromInt32(443))}}, false},
		"one of two":    {[]networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromInt32(443))}, {Port: ptr.To(intstr.FromInt32(9443))}}, true},
		"name":          {[]networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromString("https"))}}, true},
		"another name":  {[]networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromString("metrics"))}}, false},
		"range":         {[]networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromInt32(9000)), EndPort: ptr.To[int32](9443)}}, true},
		"another range": {[]networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromInt32(9000)), EndPort: ptr.To[int32](9442)}}, false},
		"any":           {[]networkingv1.NetworkPolicyPort{{}}, true},
		"UDP":           {[]networkingv1.NetworkPolicyPort{{Protocol: udp, Port: ptr.To(intstr.FromInt32(9443))}}, false},
	} {
		if got := allowsPort(networkingv1.NetworkPolicyIngressRule{Ports: tt.ports}, pod, 9443); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
