// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// TestNoneButThoseWhoLeave: the successors take some seconds to be ready, and during that time those who leave are all
// there is. kube-proxy goes on sending to them as long as they say that they are ready: it has to be longer than that.
func TestNoneButThoseWhoLeave(t *testing.T) {
	install(t)
	// The 5 s of the manifest, half of the delay, are enough where a machine starts a pod at once; here it may be busy.
	delay(t, 30, 4)
	pods := awaitRolledOut(t, 2)
	t.Run("all are deleted", func(t *testing.T) {
		s := startStream(t)
		for _, pod := range pods {
			deletePod(t, pod.Name)
		}
		awaitRolledOut(t, 2)
		s.wantNoneFailed(t)
	})
	t.Run("scaled to none and back", func(t *testing.T) {
		s := startStream(t)
		scale(t, 0)
		awaitAllLeaving(t)
		scale(t, 2)
		awaitRolledOut(t, 2)
		s.wantNoneFailed(t)
	})
	delay(t, 10, 0)
	awaitRolledOut(t, 2)
}

// delay makes the pods serve for so many seconds after they have been told to leave, and the kubelet wait before it asks
// their successors whether they are ready.
func delay(t *testing.T, shutdown, readiness int) {
	t.Helper()
	d, err := client(t).AppsV1().Deployments(namespace).Get(t.Context(), deployment, metav1.GetOptions{})
	must(t, err)
	args := d.Spec.Template.Spec.Containers[0].Args
	at := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--shutdown-delay=") })
	if at < 0 {
		t.Fatalf("the Deployment has no --shutdown-delay: %q", args)
	}
	args[at] = fmt.Sprintf("--shutdown-delay=%ds", shutdown)
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"terminationGracePeriodSeconds": shutdown + 35,
		"containers": []map[string]any{{
			"name": serverContainer, "args": args, "readinessProbe": map[string]any{"initialDelaySeconds": readiness},
		}},
	}}}})
	must(t, err)
	patchDeployment(t, string(patch))
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
