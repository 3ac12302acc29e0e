// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// What there is to see of a pod, in the order in which it comes.
const (
	// seenRunning: the kubelet has heard from the container runtime that the server runs. It asks once a second.
	seenRunning = "seen running by the kubelet"
	// seenReady: the kubelet has heard so from the readiness probe.
	seenReady = "Pod Ready"
	// seenListed: the controllers know its address, and kube-proxy changes its rules, though not for this endpoint if it
	// is not ready yet. It does so again a second after it has finished, and no sooner.
	seenListed = "endpoint listed"
	// seenEndpoint: the controllers have heard that it is ready, and kube-proxy is about to.
	seenEndpoint = "endpoint ready"
)

type sighting struct{ what, pod string }

// sightings are when things about pods were seen for the first time. What a status says about it is in whole seconds.
type sightings struct {
	mu    sync.Mutex
	first map[sighting]time.Time
}

// watchPods looks out for our pods until the test is over.
func watchPods(t *testing.T) *sightings {
	t.Helper()
	s := &sightings{first: map[sighting]time.Time{}}
	pods, err := client(t).CoreV1().Pods(namespace).Watch(t.Context(), metav1.ListOptions{LabelSelector: ours})
	must(t, err)
	slices, err := client(t).DiscoveryV1().EndpointSlices(namespace).Watch(t.Context(),
		metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + deployment})
	must(t, err)
	for _, w := range []watch.Interface{pods, slices} {
		t.Cleanup(w.Stop)
		go func() {
			for event := range w.ResultChan() {
				s.look(event)
			}
		}()
	}
	return s
}

func (s *sightings) look(event watch.Event) {
	switch object := event.Object.(type) {
	case *corev1.Pod:
		if statusOf(object, serverContainer).State.Running != nil {
			s.note(seenRunning, object.Name)
		}
		if podReady(object) {
			s.note(seenReady, object.Name)
		}
	case *discoveryv1.EndpointSlice:
		for _, endpoint := range object.Endpoints {
			if endpoint.TargetRef == nil {
				continue
			}
			s.note(seenListed, endpoint.TargetRef.Name)
			if ready := endpoint.Conditions.Ready; ready != nil && *ready {
				s.note(seenEndpoint, endpoint.TargetRef.Name)
			}
		}
	}
}

func (s *sightings) note(what, pod string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.first[sighting{what, pod}]; !found {
		s.first[sighting{what, pod}] = time.Now()
	}
}

// of is when something was seen, which it has been by now; the watch may be a moment behind.
func (s *sightings) of(t *testing.T, what, pod string) time.Time {
	t.Helper()
	var at time.Time
	clustertest.Eventually(t, func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		var found bool
		if at, found = s.first[sighting{what, pod}]; !found {
			return fmt.Errorf("not seen of pod %s: %s", pod, what)
		}
		return nil
	})
	return at
}
