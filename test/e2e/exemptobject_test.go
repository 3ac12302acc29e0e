// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestExemptDeploymentHasPods: an exempt Deployment is admitted, and so are the ReplicaSet and the Pods that the real
// controllers make of it. A Pod that a user creates is denied, also if it names the same owner.
func TestExemptDeploymentHasPods(t *testing.T) {
	c := followConfig(t, configDeny)
	c.swap(t, configHead+fmt.Sprintf("checks: {imageTag: {exempt: {objects: [{kinds: [deployments.apps], names: ['legacy*'], "+
		"namespaces: [%s], reason: OPS-12, until: 2099-12-31}]}}}\n", c.Target))
	deployments := c.Admin.AppsV1().Deployments(c.Target)
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := deployments.Create(ctx, badDeployment("legacy-app"), metav1.CreateOptions{})
		return err
	})
	if _, err := deployments.Create(t.Context(), badDeployment("other"), metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("another Deployment: %v, want it denied", err)
	}
	var pod *corev1.Pod
	clustertest.Eventually(t, func(ctx context.Context) error {
		pods, err := c.Admin.CoreV1().Pods(c.Target).List(ctx, metav1.ListOptions{LabelSelector: "app=legacy-app"})
		if err != nil || len(pods.Items) == 0 {
			return errors.Join(errors.New("the exempt Deployment has no Pod"), err)
		}
		pod = &pods.Items[0]
		return nil
	})
	forged := site.Pod(site.BadImage)
	forged.Labels, forged.OwnerReferences = pod.Labels, pod.OwnerReferences
	_, err := c.Admin.CoreV1().Pods(c.Target).Create(t.Context(), forged, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("a Pod that names the owner of another: %v, want it denied", err)
	}
	c.metric(t, `hookstrap_admission_exemptions_total{by="object",check="imageTag"}`)
}

// badDeployment has one Pod, of an image that imageTag denies.
func badDeployment(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	spec := site.Pod(site.BadImage).Spec
	spec.RestartPolicy = corev1.RestartPolicyAlways
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
}

// TestScopeOfEachKind: of every kind that the API server has, our configuration knows whether its objects are in
// namespaces. Of groups that client-go has not it need not know.
func TestScopeOfEachKind(t *testing.T) {
	t.Parallel()
	client, err := kubernetes.NewForConfig(shared.Config())
	must(t, err)
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	must(t, err)
	seen := 0
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		must(t, err)
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") {
				continue
			}
			kind := schema.GroupResource{Group: version.Group, Resource: r.Name}.String()
			alone, among := handler.NeverInNamespaces(kind, nil), handler.NeverInNamespaces(kind, []string{"shop"})
			if r.Namespaced && among != "" || !r.Namespaced && (alone != "" || among == "") || handler.NoResource(kind) != "" {
				t.Errorf("%s, which is in namespaces: %t: without one %q, in one %q; %q", kind, r.Namespaced, alone, among,
					handler.NoResource(kind))
			}
			seen++
		}
	}
	if seen < 60 {
		t.Errorf("the API server has %d kinds only", seen)
	}
}
