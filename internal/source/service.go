// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/fault"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Service is what is known of the Service in front of the server. Its methods may be called by many goroutines.
type Service struct {
	types.NamespacedName
	last       atomic.Pointer[corev1.Service] // [noService] if it does not exist, nil if it was not read
	watched    atomic.Pointer[[]netip.Addr]   // the ClusterIPs that a watch has told of
	uncallable chan struct{}
	once       sync.Once
}

// NewService returns one that was not read yet.
func NewService(name types.NamespacedName) *Service {
	return &Service{NamespacedName: name, uncallable: make(chan struct{})}
}

// noService is what is known of a Service that does not exist.
func noService() *corev1.Service { return &corev1.Service{} }

// note keeps what the Service was last seen to be, nil if it does not exist.
func (s *Service) note(service *corev1.Service) {
	if service == nil {
		service = noService()
	}
	s.last.Store(service)
}

// Uncallable says of each of the calls that the API server cannot make why it cannot. There are none when the Service
// could not be read: that is no reason to take a server away.
func (s *Service) Uncallable(calls []trust.Call) []string {
	service := s.last.Load()
	if service == nil {
		return nil
	}
	var reasons []string
	for _, call := range calls {
		if reason := uncallable(service, call); reason != "" {
			reasons = append(reasons, fmt.Sprintf("%s calls Service %s, which %s", call, s.NamespacedName, reason))
		}
	}
	return reasons
}

// Unread says that the Service has not been read; "" if it has.
func (s *Service) Unread() string {
	if s.last.Load() != nil {
		return ""
	}
	return klog.KRef(s.Namespace, s.Name).String() + " has not been read, so that it is not looked at"
}

// Watch asks for the Service to be watched now, because it cannot be called.
func (s *Service) Watch() { s.once.Do(func() { close(s.uncallable) }) }

// clusterIPs are those that a watch has last told of, known is false before that. One that was deleted leaves them as
// they are: its successor's will come.
func (s *Service) clusterIPs() (ips []netip.Addr, known bool) {
	seen := s.watched.Load()
	if seen == nil {
		return nil, false
	}
	return *seen, true
}

// seen is told what there is, and reports whether the ClusterIPs are known again.
func (s *Service) seen(objects []*unstructured.Unstructured) bool {
	service := serviceOf(objects)
	s.note(service)
	if service == nil {
		return false
	}
	ips, err := identity.ParseIPs(service.Spec.ClusterIPs)
	if err != nil {
		return false // The API server has checked them.
	}
	s.watched.Store(&ips)
	return true
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

// uncallable says why the API server cannot call a port of the Service, and what to correct; "" if it can. It is what
// ResolveCluster of k8s.io/apiserver/pkg/util/proxy does. With --enable-aggregator-routing, which we cannot see, an API
// server goes by the endpoints.
func uncallable(service *corev1.Service, call trust.Call) string {
	switch {
	case service.Name == "":
		return "does not exist: create it, or correct the service name and namespace given to us" +
			fault.Tag(fault.ServiceMissing)
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		return "" // The API server dials the name, at the port that the entry names.
	case service.Spec.ClusterIP == corev1.ClusterIPNone:
		return "is headless, so that the API server has no address to call: create it again without clusterIP: None" +
			fault.Tag(fault.ServiceHeadless)
	case slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return int64(p.Port) == call.Port }):
		return ""
	}
	ports := make([]string, 0, len(service.Spec.Ports))
	for _, p := range service.Spec.Ports {
		ports = append(ports, fmt.Sprint(p.Port))
	}
	return fmt.Sprintf("has no port %d (but %s): correct the port in the entry's service, which is 443 by default, "+
		"or add it to the Service%s", call.Port, strings.Join(ports, ", "), fault.Tag(fault.ServicePort))
}
