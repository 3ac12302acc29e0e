// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// noService is what is known of a Service that does not exist.
func noService() *corev1.Service { return &corev1.Service{} }

// noteService keeps what the Service was last seen to be, nil if it does not exist.
func (b *Bootstrapper) noteService(service *corev1.Service) {
	if service == nil {
		service = noService()
	}
	b.service.Store(service)
}

// serviceOf is the Service among the objects that a watch tells of, nil if it is not there.
func serviceOf(objects []*unstructured.Unstructured) *corev1.Service {
	for _, object := range objects {
		service := &corev1.Service{}
		if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, service) == nil {
			return service
		}
	}
	return nil
}

// serviceNow is nil while the API server can reach each of the ports of the Service that our entries name. It is nil,
// too, when the Service could not be read: that is no reason to take a server away.
func (b *Bootstrapper) serviceNow() error {
	if b.state.Pair() == nil {
		return errors.New("there is no certificate to be called with yet")
	}
	service := b.service.Load()
	if service == nil {
		return nil
	}
	for _, call := range b.injector.Calls() {
		if reason := uncallable(service, call); reason != "" {
			return fmt.Errorf("%s calls Service %s/%s, which %s", call, b.options.Namespace, b.options.Service, reason)
		}
	}
	return nil
}

// uncallable says why the API server cannot call a port of the Service, and what to correct; "" if it can. It is what
// ResolveCluster of k8s.io/apiserver/pkg/util/proxy does. With --enable-aggregator-routing, which we cannot see, an API
// server goes by the endpoints.
func uncallable(service *corev1.Service, call trust.Call) string {
	switch {
	case service.Name == "":
		return "does not exist: create it, or correct the service name and namespace given to us"
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		return "" // The API server dials the name, at the port that the entry names.
	case service.Spec.ClusterIP == corev1.ClusterIPNone:
		return "is headless, so that the API server has no address to call: create it anew without clusterIP: None"
	case slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return int64(p.Port) == call.Port }):
		return ""
	}
	ports := make([]string, 0, len(service.Spec.Ports))
	for _, p := range service.Spec.Ports {
		ports = append(ports, fmt.Sprint(p.Port))
	}
	return fmt.Sprintf("has no port %d (but %s): correct the port in the entry's service, which is 443 by default, "+
		"or add it "+
		"to the Service", call.Port, strings.Join(ports, ", "))
}

// serviceUnread is said beside "ok".
func (b *Bootstrapper) serviceUnread() string {
	if b.options.ExternalTrust || b.service.Load() != nil {
		return ""
	}
	return klog.KRef(b.options.Namespace, b.options.Service).String() + " has not been read, so that it is not looked at"
}
