// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

func TestServiceAccountConfigIsThatIdentityAlone(t *testing.T) {
	t.Parallel()
	namespace := clustertest.Namespace(t, shared)
	cfg, err := shared.ServiceAccountConfig(t.Context(), namespace, "default")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().
		Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := review.Status.UserInfo.Username, "system:serviceaccount:"+namespace+":default"; got != want {
		t.Errorf("the token is %s, want %s", got, want)
	}
	_, err = client.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("listing secrets without a role: %v, want forbidden", err)
	}
}

func TestServiceAccountConfigNamesTheMissingAccount(t *testing.T) {
	t.Parallel()
	_, err := shared.ServiceAccountConfig(t.Context(), "default", "nobody")
	if !apierrors.IsNotFound(err) || !strings.Contains(err.Error(), "default/nobody") {
		t.Errorf("error %v, want not found for default/nobody", err)
	}
}

func TestConfigIsACopyWithAllRights(t *testing.T) {
	t.Parallel()
	shared.Config().Host = "https://elsewhere.invalid"
	if _, err := clientFor(t, shared).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("the administrator may not list secrets: %v", err)
	}
}

// TestUsersAtOnce needs the race detector to fail.
func TestUsersAtOnce(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, name := range []string{"lin", "may", "tom"} {
		all.Go(func() {
			if _, err := shared.AddUser(name); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestKubectl(t *testing.T) {
	t.Parallel()
	out, err := shared.Kubectl(t.Context(), "version").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "v0.0.0") || strings.Count(string(out), " v1.") < 2 {
		t.Errorf("kubectl and the API server report\n%swant the pinned versions", out)
	}
}

func TestPodSecurityIsEnforced(t *testing.T) {
	t.Parallel()
	namespace := clustertest.Namespace(t, shared)
	client := clientFor(t, shared)
	label := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	_, err := client.CoreV1().Namespaces().
		Patch(t.Context(), namespace, "application/merge-patch+json", label, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "c", Image: "example.test/c:1", SecurityContext: &corev1.SecurityContext{Privileged: new(true)},
	}}}}
	_, err = client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("a privileged pod: %v, want it refused by PodSecurity", err)
	}
}
