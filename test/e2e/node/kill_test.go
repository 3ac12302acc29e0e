// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestKillLosesWhatWasInFlight kills the process of each pod, as the kernel does when memory runs out. Nobody can save
// what that process was answering: at most as many admissions as there are clients.
//
// It takes the kubelet up to a second to notice. Until then kube-proxy goes on sending half of all new connections to the
// pod, where they are refused, and the API server does not try again. But it opens one only when all that it has are busy,
// and keeps those which it gets: it needs no more than there are clients, and each attempt succeeds as often as not.
// Failures of that kind are bounded by chance alone, so that the bound is a generous one; the figures say what it was.
// Nothing else may fail.
func TestKillLosesWhatWasInFlight(t *testing.T) {
	for _, pod := range install(t) {
		t.Run(pod.Name, func(t *testing.T) {
			awaitProxied(t)
			s := startStream(t)
			k := kill(t, &pod)
			k.awaitBack(t)
			awaitProxied(t)
			f := s.stop(t)
			f.wantRate(t)
			inFlight, refused, others := k.sort(f.failed)
			t.Logf("SIGKILL: failed %d in flight, %d refused; dead after %s, serving again after %s, Ready after %s",
				len(inFlight), len(refused), k.took(k.dead), k.took(k.serving), k.took(k.ready))
			f.report(t, others)
			if len(inFlight) > streamClients {
				t.Errorf("%d failed in flight, and there are %d clients", len(inFlight), streamClients)
			}
			if len(refused) > 4*streamClients {
				t.Errorf("%d were refused: the API server does not keep its connections to the other pod", len(refused))
			}
		})
	}
}

// killed is a pod whose process was killed, and when what came of it was seen: its port was closed, was open again, and
// the pod was Ready.
type killed struct {
	pod                      *corev1.Pod
	restartsBefore           int32
	at, dead, serving, ready time.Time
}

func kill(t *testing.T, pod *corev1.Pod) *killed {
	t.Helper()
	pid, err := process1(pod)
	must(t, err)
	k := &killed{pod: pod, restartsBefore: pod.Status.ContainerStatuses[0].RestartCount, at: time.Now()}
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for accepts(t.Context(), k.address()) {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the process does not end")
		}
	}
	k.dead = time.Now()
	return k
}

func (k *killed) address() string { return net.JoinHostPort(k.pod.Status.PodIP, "9443") }

// awaitBack waits until the container was restarted, answers, and is seen to be Ready.
func (k *killed) awaitBack(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		if k.serving.IsZero() && accepts(ctx, k.address()) {
			k.serving = time.Now()
		}
		pod, err := client(t).CoreV1().Pods(namespace).Get(ctx, k.pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		restarts := pod.Status.ContainerStatuses[0].RestartCount
		if restarts == k.restartsBefore || !podReady(pod) || k.serving.IsZero() {
			return fmt.Errorf("pod %s: %d restarts, Ready %v", pod.Name, restarts, podReady(pod))
		}
		return nil
	})
	k.ready = time.Now()
}

func (k *killed) took(until time.Time) time.Duration { return until.Sub(k.at).Round(time.Millisecond) }

// sort tells failures that the kill explains, by when and what they were, from others.
func (k *killed) sort(failed []admission) (inFlight, refused, others []admission) {
	for _, a := range failed {
		isRefused := strings.Contains(a.err.Error(), "connect: connection refused")
		switch {
		case a.ended.Before(k.at):
			others = append(others, a)
		case isRefused && a.began.Before(k.serving):
			refused = append(refused, a)
		case !isRefused && a.began.Before(k.dead):
			inFlight = append(inFlight, a)
		default:
			others = append(others, a)
		}
	}
	return inFlight, refused, others
}
