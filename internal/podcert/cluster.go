// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// cluster is what is known of all Pods, ServiceAccounts and Services: a few hundred bytes each.
type cluster struct {
	pods            store[Pod]
	serviceAccounts store[types.UID]
	services        store[service]
}

// service is what counts of a Service.
type service struct {
	selector Selector
	optedIn  bool
}

func (s service) equal(other service) bool {
	return s.optedIn == other.optedIn && maps.Equal(s.selector, other.selector)
}

// newCluster tells of each Pod, and of each namespace in which something else has changed.
func newCluster(pod, other func(types.NamespacedName)) *cluster {
	c := &cluster{}
	c.pods = store[Pod]{changed: pod, known: map[string]map[string]Pod{}, equal: Pod.equal,
		keep: func(obj any) (Pod, bool) {
			pod, ok := obj.(*corev1.Pod)
			if !ok {
				return Pod{}, false
			}
			return podOf(pod), true
		}}
	c.serviceAccounts = store[types.UID]{changed: other, known: map[string]map[string]types.UID{},
		equal: func(a, b types.UID) bool { return a == b },
		keep: func(obj any) (types.UID, bool) {
			account, ok := obj.(*corev1.ServiceAccount)
			if !ok {
				return "", false
			}
			return account.UID, true
		}}
	c.services = store[service]{changed: other, known: map[string]map[string]service{}, equal: service.equal,
		keep: func(obj any) (service, bool) {
			of, ok := obj.(*corev1.Service)
			if !ok || len(selectorOf(of)) == 0 {
				return service{}, false
			}
			return service{selectorOf(of), of.Labels[OptInLabel] == "true"}, true
		}}
	return c
}

// facts are those of a request.
func (c *cluster) facts(r *Request) Facts {
	facts := Facts{Services: map[string]Selector{}, OptedIn: map[string]bool{}}
	if pod, known := c.pods.get(r.pod()); known {
		facts.Pod = &pod
	}
	facts.ServiceAccountUID, _ = c.serviceAccounts.get(r.serviceAccount())
	c.services.each(r.Namespace, func(name string, of service) {
		facts.Services[name], facts.OptedIn[name] = of.selector, of.optedIn
	})
	return facts
}

// ready returns an error until everything has been read once.
func (c *cluster) ready() error {
	for _, of := range []struct {
		what     string
		complete func() bool
	}{
		{"pods", c.pods.complete}, {"serviceaccounts", c.serviceAccounts.complete}, {"services", c.services.complete},
	} {
		if !of.complete() {
			return fmt.Errorf("the %s of the cluster have not been read yet: if this stays, see the log", of.what)
		}
	}
	return nil
}
