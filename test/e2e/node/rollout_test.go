// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestRollingUpdateLosesNothing: the connections that the API server keeps, and the time until the endpoint is gone
// everywhere, are what breaks a server that ends when it is told to.
func TestRollingUpdateLosesNothing(t *testing.T) {
	install(t)
	s := startStream(t)
	restart(t)
	awaitRolledOut(t, 2)
	s.wantNoneFailed(t)
}

// TestScalingLosesNothing: four of five leave at once, and the one that stays is alone.
func TestScalingLosesNothing(t *testing.T) {
	install(t)
	s := startStream(t)
	for _, replicas := range []int{5, 1, 3} {
		scale(t, replicas)
		awaitRolledOut(t, replicas)
	}
	s.wantNoneFailed(t)
	scale(t, 2)
	awaitRolledOut(t, 2)
}

// TestDeletionLosesNothing deletes each pod, one after the other.
func TestDeletionLosesNothing(t *testing.T) {
	pods := install(t)
	s := startStream(t)
	for _, pod := range pods {
		deletePod(t, pod.Name)
		awaitGone(t, namespace, pod.Name)
		awaitRolledOut(t, 2)
	}
	s.wantNoneFailed(t)
}

// TestDeletionOfAllLosesNothing: for some seconds there is no one but those who leave. kube-proxy goes on sending to
// them as long as they say that they are ready.
func TestDeletionOfAllLosesNothing(t *testing.T) {
	pods := install(t)
	s := startStream(t)
	for _, pod := range pods {
		deletePod(t, pod.Name)
	}
	for _, pod := range pods {
		awaitGone(t, namespace, pod.Name)
	}
	awaitRolledOut(t, 2)
	s.wantNoneFailed(t)
}

// TestScalingToNothingAndBackLosesNothing: the successors take some seconds to be ready, and during that time those who leave are
// all there is. They have to say that they are ready for longer than that.
func TestScalingToNothingAndBackLosesNothing(t *testing.T) {
	install(t)
	delayReadiness(t, 4)
	awaitRolledOut(t, 2)
	s := startStream(t)
	scale(t, 0)
	awaitAllLeaving(t)
	scale(t, 2)
	awaitPods(t, 2)
	awaitNoneLeaving(t)
	s.wantNoneFailed(t)
	delayReadiness(t, 0)
	awaitRolledOut(t, 2)
}

// delayReadiness makes the kubelet wait before it asks a pod about readiness.
func delayReadiness(t *testing.T, seconds int) {
	t.Helper()
	patchDeployment(t, fmt.Sprintf(`{"spec": {"template": {"spec": {"containers": [
		{"name": "webhook", "readinessProbe": {"initialDelaySeconds": %d}}]}}}}`, seconds))
}

// awaitAllLeaving waits until all of our pods are being deleted.
func awaitAllLeaving(t *testing.T) {
	t.Helper()
	client := client(t)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		living, err := pods(ctx, client)
		if err == nil && len(living) > 0 {
			err = errors.New("pod " + living[0].Name + " stays")
		}
		return err
	})
}
