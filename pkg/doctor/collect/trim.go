// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// called is what the entries call. What has nothing to do with it is not kept: a cluster may have 10,000 Pods.
type called struct {
	services   sets.Set[types.NamespacedName]
	namespaces sets.Set[string]
	selectors  map[string][]labels.Selector // of those Services, by namespace
}

func (g *gathering) called() called {
	c := called{sets.New[types.NamespacedName](), sets.New[string](), map[string][]labels.Selector{}}
	for i := range g.facts.All {
		if s := g.facts.All[i].ClientConfig.Service; s != nil {
			c.services.Insert(types.NamespacedName{Namespace: s.Namespace, Name: s.Name})
			c.namespaces.Insert(s.Namespace)
		}
	}
	for _, s := range g.facts.Services {
		if len(s.Spec.Selector) > 0 && c.services.Has(types.NamespacedName{Namespace: s.Namespace, Name: s.Name}) {
			c.selectors[s.Namespace] = append(c.selectors[s.Namespace], labels.SelectorFromSet(s.Spec.Selector))
		}
	}
	return c
}

// selects says whether one of the Services selects Pods with the labels.
func (c called) selects(namespace string, set map[string]string) bool {
	for _, s := range c.selectors[namespace] {
		if s.Matches(labels.Set(set)) {
			return true
		}
	}
	return false
}

func (c called) slice(s *discoveryv1.EndpointSlice) bool {
	s.ManagedFields = nil
	return c.services.Has(types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]})
}

// pod keeps the Pods behind the Services. Those behind an EndpointSlice that a controller of its own made, without a
// selector, are not known.
func (c called) pod(p *corev1.Pod) bool {
	if !c.selects(p.Namespace, p.Labels) {
		return false
	}
	trimMeta(&p.ObjectMeta)
	trimSpec(&p.Spec)
	return true
}

func (c called) policy(p *networkingv1.NetworkPolicy) bool {
	trimMeta(&p.ObjectMeta)
	return c.namespaces.Has(p.Namespace)
}

func (c called) deployment(d *appsv1.Deployment) bool {
	trimMeta(&d.ObjectMeta)
	trimSpec(&d.Spec.Template.Spec)
	return c.selects(d.Namespace, d.Spec.Template.Labels)
}

func (c called) statefulSet(s *appsv1.StatefulSet) bool {
	trimMeta(&s.ObjectMeta)
	trimSpec(&s.Spec.Template.Spec)
	return c.selects(s.Namespace, s.Spec.Template.Labels)
}

func trimDaemonSet(d *appsv1.DaemonSet) bool {
	trimMeta(&d.ObjectMeta)
	trimSpec(&d.Spec.Template.Spec)
	return true
}

func trimService(s *corev1.Service) bool {
	trimMeta(&s.ObjectMeta)
	return true
}

func trimNamespace(n *corev1.Namespace) bool {
	trimMeta(&n.ObjectMeta)
	return true
}

// trimMeta leaves out what is large.
func trimMeta(m *metav1.ObjectMeta) {
	m.ManagedFields, m.Annotations, m.OwnerReferences = nil, nil, nil
}

// trimSpec leaves of containers their names and ports.
func trimSpec(s *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{s.Containers, s.InitContainers} {
		for i := range containers {
			containers[i] = corev1.Container{Name: containers[i].Name, Ports: containers[i].Ports}
		}
	}
	s.Affinity, s.Tolerations, s.TopologySpreadConstraints = nil, nil, nil
}
