// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
)

// patience is for what a kubelet does.
const patience = time.Minute

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(shared.Config())
	must(t, err)
	return client
}

// startPod starts a pod that does nothing and returns it once it runs. It goes when the test is over.
func startPod(t *testing.T) *corev1.Pod {
	t.Helper()
	pods := client(t).CoreV1().Pods(clustertest.Namespace(t, shared.Cluster))
	pod, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "idle"},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(1)),
			Containers:                    []corev1.Container{{Name: "idle", Image: node.PauseImage, ImagePullPolicy: corev1.PullNever}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	return awaitRunning(t, pod, "")
}

// awaitRunning waits until a pod's container runs, one that is not the former, and returns the pod as it is then.
func awaitRunning(t *testing.T, pod *corev1.Pod, former string) *corev1.Pod {
	t.Helper()
	var found *corev1.Pod
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		var err error
		found, err = client(t).CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, status := range found.Status.ContainerStatuses {
			if status.State.Running != nil && status.ContainerID != former {
				return nil
			}
		}
		return fmt.Errorf("pod %s does not run: %+v", pod.Name, found.Status.ContainerStatuses)
	})
	return found
}

// containerPID is the process of a pod's only container.
func containerPID(t *testing.T, pod *corev1.Pod) int {
	t.Helper()
	pids := shared.ContainerPIDs(pod.Status.ContainerStatuses[0].ContainerID)
	if len(pids) != 1 {
		t.Fatalf("the container's processes are %v, want one", pids)
	}
	return pids[0]
}

// dial connects to the API server's Service from within a pod.
func dial(ctx context.Context, pid int) error {
	return exec.CommandContext(ctx, "nsenter", "--net", "--target", strconv.Itoa(pid),
		"timeout", "1", "bash", "-c", "exec 3<>/dev/tcp/10.96.0.1/443").Run()
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
