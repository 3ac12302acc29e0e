// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
)

func TestCutOff(t *testing.T) {
	pod := startPod(t)
	pid := containerPID(t, pod)
	must(t, dial(t.Context(), pid)) // by the cluster IP, so that kube-proxy is at work
	must(t, shared.CutOff(t.Context(), pod.Status.PodIP))
	if err := dial(t.Context(), pid); err == nil {
		t.Error("a pod that was cut off reaches the API server")
	}
	must(t, shared.Restore(t.Context(), pod.Status.PodIP))
	must(t, dial(t.Context(), pid))
}

func TestKilledContainerStartsAgain(t *testing.T) {
	pod := startPod(t)
	must(t, syscall.Kill(containerPID(t, pod), syscall.SIGKILL))
	again := awaitRunning(t, pod, pod.Status.ContainerStatuses[0].ContainerID)
	if n := again.Status.ContainerStatuses[0].RestartCount; n != 1 {
		t.Errorf("the container was started again %d times, want once", n)
	}
}

func TestPodsOutliveComponents(t *testing.T) {
	pod := startPod(t)
	pid := containerPID(t, pod)
	for _, c := range []node.Component{node.Kubelet, node.Containerd, node.Scheduler, node.Proxy} {
		must(t, shared.StopComponent(c))
	}
	if gone(pid) {
		t.Error("the container ended with the components")
	}
	must(t, shared.StartComponent(t.Context(), node.Containerd))
	for _, c := range []node.Component{node.Kubelet, node.Scheduler, node.Proxy} {
		must(t, shared.StartComponent(t.Context(), c))
	}
	startPod(t) // which takes all four
	if again := containerPID(t, awaitRunning(t, pod, "")); again != pid {
		t.Errorf("the container is process %d, and was %d before", again, pid)
	}
}

func TestPowerCut(t *testing.T) {
	pod := startPod(t)
	pid := containerPID(t, pod)
	must(t, shared.PowerOff())
	if !gone(pid) {
		t.Error("a container runs without power")
	}
	must(t, shared.PowerOn(t.Context()))
	again := awaitRunning(t, pod, pod.Status.ContainerStatuses[0].ContainerID)
	must(t, dial(t.Context(), containerPID(t, again)))
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		nodes, err := client(t).CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err == nil && len(nodes.Items) != 1 {
			err = errors.New("the node has come back as another one")
		}
		return err
	})
}
