// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"bytes"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestCutOffPodsKeepServing drops all that our pods send to the API server, and what it sends to them from its port. Its
// calls of the webhook go through. What somebody breaks during that time is repaired afterwards.
func TestCutOffPodsKeepServing(t *testing.T) {
	pods := install(t)
	s := startStream(t)
	cutOff(t, pods)
	<-time.After(10 * time.Second) // long enough for readiness to be asked for, and for requests to be missed
	wantSame(t, pods)
	s.wantNoneFailed(t)

	foreign := foreignCA(t)
	patchBundles(t, foreign)
	<-time.After(3 * time.Second) // in which they would repair it, were they not cut off
	wantBundles(t, foreign)
	restored := time.Now()
	reconnect(t, pods)
	awaitAdmission(t)
	t.Logf("reconnected: the caBundle was repaired and an admission answered after %s", since(restored))
	wantSame(t, awaitPods(t, 2))
}

// wantBundles: no one has changed what we wrote there.
func wantBundles(t *testing.T, bundle []byte) {
	t.Helper()
	api := client(t).AdmissionregistrationV1().ValidatingWebhookConfigurations()
	configuration, err := api.Get(t.Context(), deployment, metav1.GetOptions{})
	must(t, err)
	for _, webhook := range configuration.Webhooks {
		if !bytes.Equal(webhook.ClientConfig.CABundle, bundle) {
			t.Errorf("the caBundle of %s was repaired by somebody who should be cut off", webhook.Name)
		}
	}
}

func cutOff(t *testing.T, pods []corev1.Pod) {
	t.Helper()
	for _, pod := range pods {
		must(t, shared.CutOff(t.Context(), pod.Status.PodIP))
	}
}

func reconnect(t *testing.T, pods []corev1.Pod) {
	t.Helper()
	for _, pod := range pods {
		must(t, shared.Restore(t.Context(), pod.Status.PodIP))
	}
}

// wantSame: these pods are there, Ready, and no others, and none has been restarted since.
func wantSame(t *testing.T, before []corev1.Pod) {
	t.Helper()
	restarts := func(pods []corev1.Pod) (found []string) {
		for _, pod := range pods {
			for _, status := range pod.Status.ContainerStatuses {
				found = append(found, pod.Name+" "+status.ContainerID)
			}
		}
		slices.Sort(found)
		return found
	}
	if got, want := restarts(awaitPods(t, len(before))), restarts(before); !slices.Equal(got, want) {
		t.Errorf("the containers are %v, want %v as before", got, want)
	}
}
