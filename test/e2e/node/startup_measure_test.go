// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// startup is what one start took, row by row. Of several replicas it is the slowest.
type startup struct {
	rows []string
	took map[string]time.Duration
}

func (s *startup) add(row string, took time.Duration) {
	if _, found := s.took[row]; !found {
		s.rows = append(s.rows, row)
	}
	s.took[row] = max(s.took[row], took)
}

// measureStart starts replicas where there are none.
func measureStart(t *testing.T, replicas int, cold bool) startup {
	t.Helper()
	removeAll(t)
	if cold {
		forgetTrust(t)
	}
	sightings, execs := watchPods(t), watchExecs(t)
	first := firstAnswer(t)
	scaled := time.Now()
	scale(t, replicas)
	pods := awaitPods(t, replicas)
	answered := <-first
	s := startup{took: map[string]time.Duration{}}
	var firstProcess, firstServed, firstListed, firstEndpoint time.Time
	for _, pod := range pods {
		began := execs.of(t, &pod)
		s.add("scaled to process start", began.Sub(scaled))
		served := s.addPhases(t, &pod, began, sightings.of(t, seenReady, pod.Name))
		for _, what := range []string{seenRunning, seenListed, seenReady, seenEndpoint} {
			s.add("process start to "+what, sightings.of(t, what, pod.Name).Sub(began))
		}
		firstProcess, firstServed = earlier(firstProcess, began), earlier(firstServed, served)
		firstListed = earlier(firstListed, sightings.of(t, seenListed, pod.Name))
		firstEndpoint = earlier(firstEndpoint, sightings.of(t, seenEndpoint, pod.Name))
	}
	if answered.Before(firstServed) {
		t.Errorf("an admission was answered %s before there was a certificate", firstServed.Sub(answered))
	}
	s.add("first endpoint listed to first answer", answered.Sub(firstListed))
	s.add("first endpoint ready to first answer", answered.Sub(firstEndpoint))
	s.add("first process start to first answer", answered.Sub(firstProcess))
	return s
}

// addPhases adds what a pod has logged, and its way to Ready, and returns when it served its own certificate.
func (s *startup) addPhases(t *testing.T, pod *corev1.Pod, began, ready time.Time) (served time.Time) {
	t.Helper()
	// The line "ready" comes last: the kubelet may have asked a moment before it was written.
	var trusted time.Time
	for _, phase := range phases(t, pod) {
		s.add("process start to "+phase.Name, phase.At.Sub(began))
		switch phase.Name {
		case "served":
			served = phase.At
		case "trusted":
			trusted = phase.At
		}
	}
	if served.IsZero() || trusted.Before(served) || ready.Before(trusted) {
		t.Errorf("pod %s: served at %s, trusted at %s, Ready at %s: want all, in that order", pod.Name, served, trusted, ready)
	}
	if restarts := statusOf(pod, serverContainer).RestartCount; restarts != 0 {
		t.Errorf("pod %s was restarted %d times", pod.Name, restarts)
	}
	return served
}

// phases are those of a pod's log.
func phases(t *testing.T, pod *corev1.Pod) []process.Phase {
	t.Helper()
	var found []process.Phase
	for line := range strings.Lines(logOf(t, pod, serverContainer)) {
		if phase, ok := process.ParsePhase(line); ok {
			found = append(found, phase)
		}
	}
	return found
}

// removeAll scales to nothing, and does not wait for anybody to drain.
func removeAll(t *testing.T) {
	t.Helper()
	scale(t, 0)
	api := client(t).CoreV1().Pods(namespace)
	now := metav1.DeleteOptions{GracePeriodSeconds: new(int64(1))}
	must(t, api.DeleteCollection(t.Context(), now, metav1.ListOptions{LabelSelector: ours}))
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := api.List(ctx, metav1.ListOptions{LabelSelector: ours})
		if err != nil {
			return err
		}
		for _, pod := range list.Items {
			for _, container := range []string{serverContainer, listenerContainer} {
				if pid, err := process1(&pod, container); err == nil {
					_ = syscall.Kill(pid, syscall.SIGKILL) // It may have ended.
				}
			}
		}
		if len(list.Items) > 0 {
			return fmt.Errorf("%d pods are still there", len(list.Items))
		}
		return nil
	})
}

// forgetTrust removes the CA, and the caBundle that verifies what it signed.
func forgetTrust(t *testing.T) {
	t.Helper()
	_, err := shell(t.Context(), "kubectl -n hookstrap-system delete secret hookstrap-ca --ignore-not-found")
	must(t, err)
	patchBundles(t, nil)
}

// patchBundles gives all our entries another caBundle.
func patchBundles(t *testing.T, bundle []byte) {
	t.Helper()
	api := client(t).AdmissionregistrationV1().ValidatingWebhookConfigurations()
	clustertest.Eventually(t, func(ctx context.Context) error {
		configuration, err := api.Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i := range configuration.Webhooks {
			configuration.Webhooks[i].ClientConfig.CABundle = bundle
		}
		_, err = api.Update(ctx, configuration, metav1.UpdateOptions{FieldManager: "test"})
		return err
	})
}

// firstAnswer asks again and again, until a bad pod gets the right verdict. It does not wait for an answer before it asks
// again: while kube-proxy changes its rules, a connection may fall between them, and hang until the webhook's timeout.
func firstAnswer(t *testing.T) <-chan time.Time {
	t.Helper()
	client := ownClient(t)
	if ask(t.Context(), client, true).err == nil {
		t.Fatal("somebody answers who should not be there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	right := make(chan time.Time, 1)
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(40 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			asking.Go(func() {
				a := ask(ctx, client, true)
				if a.err != nil {
					return
				}
				cancel()
				select {
				case right <- a.ended:
				default: // Somebody else was first.
				}
			})
			<-tick.C
		}
	})
	t.Cleanup(asking.Wait)
	t.Cleanup(cancel)
	return right
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
