// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/trust"
)

func TestUncallable(t *testing.T) {
	service := func(spec corev1.ServiceSpec) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: spec}
	}
	ports := []corev1.ServicePort{{Port: 80}, {Port: 443}}
	for name, tc := range map[string]struct {
		service *corev1.Service
		port    int64
		want    string // part of the reason; "" for none
	}{
		"missing":       {noService(), 443, "[service-missing]"},
		"cluster IP":    {service(corev1.ServiceSpec{Type: "ClusterIP", ClusterIP: "127.96.0.7", Ports: ports}), 443, ""},
		"load balancer": {service(corev1.ServiceSpec{Type: "LoadBalancer", ClusterIP: "127.96.0.7", Ports: ports}), 80, ""},
		"another port":  {service(corev1.ServiceSpec{Type: "ClusterIP", ClusterIP: "127.96.0.7", Ports: ports}), 9443, "(but 80, 443): correct the port in the entry's service, which is 443 by default, or add it to the Service [service-port-missing]"},
		"headless":      {service(corev1.ServiceSpec{Type: "ClusterIP", ClusterIP: "None", Ports: ports}), 443, "[service-headless]"},
		"another host":  {service(corev1.ServiceSpec{Type: "ExternalName", ExternalName: "localhost"}), 9443, ""},
	} {
		got := uncallable(tc.service, trust.Call{Port: tc.port})
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
