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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// sightings are when pods were seen to be Ready for the first time. What a status says about it is in whole seconds.
type sightings struct {
	mu    sync.Mutex
	first map[string]time.Time
}

// watchPods looks out for our pods until the test is over.
func watchPods(t *testing.T) *sightings {
	t.Helper()
	s := &sightings{first: map[string]time.Time{}}
	w, err := client(t).CoreV1().Pods(namespace).Watch(t.Context(), metav1.ListOptions{LabelSelector: ours})
	must(t, err)
	t.Cleanup(w.Stop)
	go func() {
		for event := range w.ResultChan() {
			s.note(event)
		}
	}()
	return s
}

func (s *sightings) note(event watch.Event) {
	pod, ok := event.Object.(*corev1.Pod)
	if !ok || !podReady(pod) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.first[pod.Name]; !found {
		s.first[pod.Name] = time.Now()
	}
}

// ready is when a pod was seen to be Ready, which it is by now; the watch may be a moment behind.
func (s *sightings) ready(t *testing.T, pod string) time.Time {
	t.Helper()
	var at time.Time
	clustertest.Eventually(t, func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		var found bool
		if at, found = s.first[pod]; !found {
			return fmt.Errorf("pod %s was not seen to be Ready", pod)
		}
		return nil
	})
	return at
}
