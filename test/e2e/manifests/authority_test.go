// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// The authority is an installation of its own: the API server takes it as it is, without a warning and beside nothing
// else, lets its Pods in, and has nothing to change the second time.
func TestAuthorityInstalls(t *testing.T) {
	const directory, namespace = "authority", "hookstrap-authority"
	c := clustertest.Start(t)
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, directory)
	var pods []corev1.Pod
	clustertest.Eventually(t, func(ctx context.Context) error {
		list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) != 2 {
			err = fmt.Errorf("there are %d Pods, want 2", len(list.Items))
		}
		if err == nil {
			pods = list.Items
		}
		return err
	})
	for _, pod := range pods {
		findsReplicas(t, pod)
		if got, want := pod.Spec.PriorityClassName, "system-cluster-critical"; got != want {
			t.Errorf("Pod %s has priority class %q, want %q", pod.Name, got, want)
		}
	}
	for _, line := range apply(t, c, directory) {
		if !strings.HasSuffix(line, " unchanged") && !strings.HasSuffix(line, " configured") {
			t.Errorf("applied again: %s", line)
		}
	}
	leastPrivilege(t, client, namespace)
}

// findsReplicas wants the selector among the arguments to be that of the Pods themselves.
func findsReplicas(t *testing.T, pod corev1.Pod) {
	t.Helper()
	for _, arg := range pod.Spec.Containers[0].Args {
		if text, found := strings.CutPrefix(arg, "--replicas="); found {
			selector, err := labels.Parse(text)
			if err != nil || selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
				t.Errorf("%s does not select Pod %s with labels %v: %v", arg, pod.Name, pod.Labels, err)
			}
			return
		}
	}
	t.Errorf("Pod %s has no --replicas among its arguments %v", pod.Name, pod.Spec.Containers[0].Args)
}

// leastPrivilege wants no rule of the authority's to allow more than it needs. It reads Pods, ServiceAccounts and
// Services of others, and never their Secrets.
func leastPrivilege(t *testing.T, client kubernetes.Interface, namespace string) {
	t.Helper()
	cluster, err := client.RbacV1().ClusterRoles().Get(t.Context(), "hookstrap-authority", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role, err := client.RbacV1().Roles(namespace).Get(t.Context(), "hookstrap-authority", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	everywhere := map[string][]string{
		"apiservices": {"list", "watch", "patch"}, "customresourcedefinitions": {"list", "watch", "patch"},
		"mutatingwebhookconfigurations": {"list", "watch", "patch"}, "validatingwebhookconfigurations": {"list", "watch", "patch"},
		"events": {"create", "patch"}, "pods": {"list", "watch"}, "podcertificaterequests": {"list", "watch"},
		"clustertrustbundles": {"list", "watch"}, "certificatesigningrequests": {"list", "watch"}, "certificatesigningrequests/approval": {"patch"},
		"certificatesigningrequests/status": {"patch"},
		"podcertificaterequests/status":     {"patch"}, "serviceaccounts": {"list", "watch"}, "services": {"list", "watch"},
	}
	for _, rule := range cluster.Rules {
		for _, resource := range rule.Resources {
			if len(rule.ResourceNames) == 0 && !slices.Equal(rule.Verbs, everywhere[resource]) {
				t.Errorf("the ClusterRole allows to %v every object of %s, want %v", rule.Verbs, resource, everywhere[resource])
			}
		}
		namedBySigner(t, rule)
	}
	for _, resource := range slices.Sorted(maps.Keys(everywhere)) {
		if len(verbsOn(cluster.Rules, resource)) == 0 {
			t.Errorf("the ClusterRole allows nothing on %s", resource)
		}
	}
	for _, rule := range role.Rules {
		if fault := tooMuch(rule, authoritySigner); fault != "" {
			t.Errorf("%v: %s", rule, fault)
		}
	}
}

const authoritySigner = "hookstrap.dev/authority"

// namedBySigner wants what a rule says of signers and ClusterTrustBundles to be about the authority's own.
func namedBySigner(t *testing.T, rule rbacv1.PolicyRule) {
	t.Helper()
	for resource, want := range map[string]string{
		"signers": authoritySigner, "clustertrustbundles": "hookstrap.dev:authority:hookstrap-authority.hookstrap-authority.svc",
	} {
		reads := slices.Equal(rule.Verbs, []string{"list", "watch"})
		if slices.Contains(rule.Resources, resource) && !reads && !slices.Equal(rule.ResourceNames, []string{want}) {
			t.Errorf("%v: it is not for %s alone", rule, want)
		}
	}
}
