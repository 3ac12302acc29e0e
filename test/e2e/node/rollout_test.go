// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import "testing"

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

// TestDeletionOfAllLosesNothing: for some seconds there is nobody but those who leave. kube-proxy goes on sending to
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
