// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

func TestOutage(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t)
	admin := clientFor(t, c)
	cfg, err := c.ServiceAccountConfig(t.Context(), "default", "default")
	if err != nil {
		t.Fatal(err)
	}
	account, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
	if kept, err = admin.CoreV1().ConfigMaps("default").Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	if err := c.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Discovery().ServerVersion(); err == nil {
		t.Fatal("the API server answers during its outage")
	}
	if err := c.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}

	found, err := admin.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil || found.UID != kept.UID {
		t.Errorf("after the outage: %v, %v; want the object from before", found, err)
	}
	if _, err := account.Discovery().ServerVersion(); err != nil {
		t.Errorf("the service account's token is no longer valid: %v", err)
	}
	if out, err := c.Kubectl(t.Context(), "get", "configmap", "kept").CombinedOutput(); err != nil {
		t.Errorf("the kubeconfig is no longer valid: %v: %s", err, out)
	}
	// The controller-manager lived through it: it still fills namespaces and signs.
	clustertest.Namespace(t, c)
	issued(t, admin, approvedRequest(t, admin))
}
