// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// patchDeployment merges a patch, in JSON, into our Deployment.
func patchDeployment(t *testing.T, patch string) {
	t.Helper()
	_, err := client(t).AppsV1().Deployments(namespace).Patch(t.Context(), deployment, types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{})
	must(t, err)
}

// restart begins a rolling update which changes nothing but an annotation.
func restart(t *testing.T) {
	t.Helper()
	patchDeployment(t, `{"spec": {"template": {"metadata": {"annotations": {"test/restarted": "`+rand.Text()+`"}}}}}`)
}

func scale(t *testing.T, replicas int) {
	t.Helper()
	patchDeployment(t, fmt.Sprintf(`{"spec": {"replicas": %d}}`, replicas))
}

// awaitRolledOut waits until the Deployment is as its template says, and those that left are gone, and returns its pods.
func awaitRolledOut(t *testing.T, replicas int) []corev1.Pod {
	t.Helper()
	client := client(t)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		d, err := client.AppsV1().Deployments(namespace).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		s := d.Status
		if s.ObservedGeneration != d.Generation || s.UpdatedReplicas != int32(replicas) ||
			s.AvailableReplicas != int32(replicas) || s.Replicas != int32(replicas) {
			return fmt.Errorf("the Deployment has %d pods, %d of them updated, %d available: want %d of all",
				s.Replicas, s.UpdatedReplicas, s.AvailableReplicas, replicas)
		}
		return nil
	})
	awaitNoneLeaving(t)
	return awaitPods(t, replicas)
}

// awaitNoneLeaving waits until no pod of ours is being deleted any more.
func awaitNoneLeaving(t *testing.T) {
	t.Helper()
	client := client(t)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: ours})
		if err != nil {
			return err
		}
		for _, pod := range list.Items {
			if pod.DeletionTimestamp != nil {
				return fmt.Errorf("pod %s is still on its way out", pod.Name)
			}
		}
		return nil
	})
}

// deletePod deletes a pod, with the grace period of the manifest unless another is given.
func deletePod(t *testing.T, name string, graceSeconds ...int64) {
	t.Helper()
	var opts metav1.DeleteOptions
	if len(graceSeconds) > 0 {
		opts.GracePeriodSeconds = &graceSeconds[0]
	}
	must(t, client(t).CoreV1().Pods(namespace).Delete(t.Context(), name, opts))
}

// awaitGone waits until a pod is not there any more.
func awaitGone(t *testing.T, in, name string) {
	t.Helper()
	client := client(t)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		_, err := client.CoreV1().Pods(in).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			return fmt.Errorf("pod %s is still there", name)
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	})
}

// The containers of our pods: the server, and what holds its port open.
const serverContainer, listenerContainer = "webhook", "listener"

// statusOf is empty as long as the container does not exist.
func statusOf(pod *corev1.Pod, container string) corev1.ContainerStatus {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == container {
			return status
		}
	}
	return corev1.ContainerStatus{}
}

// process1 is the id of the process of a pod's container.
func process1(pod *corev1.Pod, container string) (int, error) {
	pids := shared.ContainerPIDs(statusOf(pod, container).ContainerID)
	if len(pids) == 0 {
		return 0, fmt.Errorf("no process in container %s of pod %s", container, pod.Name)
	}
	return pids[0], nil
}

// logOf is what a container of a pod has logged since it was started last.
func logOf(t *testing.T, pod *corev1.Pod, container string) string {
	t.Helper()
	of := corev1.PodLogOptions{Container: container}
	text, err := client(t).CoreV1().Pods(namespace).GetLogs(pod.Name, &of).DoRaw(t.Context())
	must(t, err)
	return string(text)
}
