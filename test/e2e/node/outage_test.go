// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
)

// TestAPIServerRestart: nothing fails but what is asked while there is no API server.
func TestAPIServerRestart(t *testing.T) {
	pods := install(t)
	s := startStream(t)
	stopping := time.Now()
	must(t, shared.StopAPIServer())
	must(t, shared.StartAPIServer(t.Context()))
	back := time.Now()
	awaitAdmission(t)
	t.Logf("the API server was away for %s; the first admission was answered %s later",
		back.Sub(stopping).Round(time.Millisecond), since(back))
	<-time.After(3 * time.Second) // of admissions as ever
	f := s.stop(t)
	f.report(t, outside(f.failed, stopping, back))
	wantSame(t, pods)
}

// outside are those that were asked for before or after. Answers that are due when it begins may be lost with it.
func outside(failed []admission, began, ended time.Time) []admission {
	var found []admission
	for _, a := range failed {
		if a.ended.Before(began) || a.began.After(ended) {
			found = append(found, a)
		}
	}
	return found
}

// TestContainerdRestart: the containers belong to their shims, and go on.
func TestContainerdRestart(t *testing.T) {
	pods := install(t)
	s := startStream(t)
	must(t, shared.StopComponent(node.Containerd))
	must(t, shared.StartComponent(t.Context(), node.Containerd))
	<-time.After(3 * time.Second) // for the kubelet to look at everything again
	s.wantNoneFailed(t)
	wantSame(t, pods)
}

// TestNodeComesBack: the kubelet ends, the node is taken for lost, and the kubelet is there again. While the node is
// lost its pods are no one's endpoints; that is Kubernetes' own doing. Ours go on, and are called again at once.
func TestNodeComesBack(t *testing.T) {
	pods := install(t)
	s := startStream(t)
	stopped := time.Now()
	must(t, shared.StopComponent(node.Kubelet))
	awaitNode(t, false)
	lost := time.Now()
	awaitNoneReady(t)
	<-time.After(2 * time.Second) // of being lost
	must(t, shared.StartComponent(t.Context(), node.Kubelet))
	awaitNode(t, true)
	wantSame(t, pods)
	awaitProxied(t)
	awaitAdmission(t)
	back := time.Now()
	<-time.After(3 * time.Second) // of admissions as ever
	f := s.stop(t)
	during := len(f.failed) - len(outside(f.failed, lost.Add(-time.Second), back))
	t.Logf("node lost %s after the kubelet's end, back after %s; %d admissions failed while it was lost",
		lost.Sub(stopped).Round(time.Millisecond), back.Sub(lost).Round(time.Millisecond), during)
	f.report(t, outside(f.failed, lost.Add(-time.Second), back))
}

// awaitNode waits until the control plane takes the node for ready, or for lost.
func awaitNode(t *testing.T, ready bool) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		object, err := client(t).CoreV1().Nodes().Get(ctx, shared.Name(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range object.Status.Conditions {
			if condition.Type == corev1.NodeReady && (condition.Status == corev1.ConditionTrue) == ready {
				return nil
			}
		}
		return fmt.Errorf("node %s: ready is not %v yet", object.Name, ready)
	})
}

// awaitNoneReady waits until the control plane has written our pods off, with their node.
func awaitNoneReady(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		living, err := pods(ctx, client(t))
		if err != nil {
			return err
		}
		for _, pod := range living {
			if podReady(&pod) {
				return fmt.Errorf("pod %s is still Ready", pod.Name)
			}
		}
		return nil
	})
}
