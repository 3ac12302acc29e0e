// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestSeeBeforeYouEnforce: a cluster with a Deployment that breaks both default checks. The base install breaks nothing,
// and an audit lists the Deployment. Checks that deny when clean deny in a clean namespace, and in that of the Deployment
// once it is mended.
func TestSeeBeforeYouEnforce(t *testing.T) {
	t.Cleanup(func() {
		if _, err := shell(context.WithoutCancel(t.Context()), readmeInstallOf(t, "deny")); err != nil {
			t.Error(err)
		}
	})
	legacy, fresh := clustertest.Namespace(t, shared.Cluster), clustertest.Namespace(t, shared.Cluster)
	before := older(t, legacy)
	_, err := shell(t.Context(), readmeInstall(t))
	must(t, err)
	awaitPods(t, 2)
	wantWarnings(t)
	if pod := restarts(t, legacy); pod != before {
		t.Errorf("the install has replaced the Deployment's Pod %s by %s", before, pod)
	}
	wantAudited(t, legacy)

	must(t, whenClean(t))
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		return errors.Join(denies(ctx, t, fresh, true), denies(ctx, t, legacy, false))
	})
	restarts(t, legacy)
	wantEvent(t, "CheckDenies", fresh)
	must(t, denies(t.Context(), t, legacy, false))
	must(t, mend(t, legacy))
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error { return denies(ctx, t, legacy, true) })
	wantEvent(t, "CheckDenies", legacy)
}

// older creates the Deployment in a cluster in which no webhook of ours is in force, and returns its Pod.
func older(t *testing.T, namespace string) (uid types.UID) {
	t.Helper()
	_, err := shell(t.Context(), "kubectl delete clusterrolebinding hookstrap-in-force --ignore-not-found")
	must(t, err)
	deployments := client(t).AppsV1().Deployments(namespace)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		_, err := deployments.Create(ctx, breaksBoth(), metav1.CreateOptions{}) // The authorizer may remember a moment.
		if apierrors.IsForbidden(err) {
			return err
		}
		must(t, err)
		return nil
	})
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := client(t).CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) == 0 {
			return errors.Join(errors.New("the Deployment has no Pod"), err)
		}
		uid = list.Items[0].UID
		return nil
	})
	return uid
}

// breaksBoth is a Deployment on the node's own network, with an image that has no tag.
func breaksBoth() *appsv1.Deployment {
	labels := map[string]string{"app": "legacy"}
	spec := badPod().Spec
	spec.Containers[0].Image = "registry.example/app"
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "legacy"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
}

// restarts takes the Deployment's Pod away, as the drain of a node does, waits until another one is created, and returns
// the first.
func restarts(t *testing.T, namespace string) (gone types.UID) {
	t.Helper()
	pods := client(t).CoreV1().Pods(namespace)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := pods.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range list.Items {
			if pod.DeletionTimestamp != nil || pod.UID == gone {
				continue
			}
			if gone != "" {
				return nil
			}
			if err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
				return err
			}
			gone = pod.UID
		}
		return errors.Join(errors.New("there is no other Pod"), warnings(ctx, client(t), namespace))
	})
	return gone
}

// wantAudited: `webhook audit` lists the Deployment, once, with what both checks say.
func wantAudited(t *testing.T, namespace string) {
	t.Helper()
	binary, err := process.Build(t.Context(), site.Root(), t.TempDir())
	must(t, err)
	output, err := shell(t.Context(), binary+" audit --config=manifests/components/deny/checks.yaml --output=json || test $? = 1")
	must(t, err)
	for _, want := range []string{namespace, "imageTag", "podSecurity", `"legacy"`} {
		if !strings.Contains(output, want) {
			t.Errorf("the audit does not say %q:\n%s", want, output)
		}
	}
}

// whenClean installs the overlay deny-when-clean, with audits that come often.
func whenClean(t *testing.T) error {
	t.Helper()
	directory, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	manifests, err := filepath.Rel(directory, filepath.Join(site.Root(), "manifests"))
	must(t, err)
	overlay := fmt.Sprintf(`resources: [%s/overlays/deny-when-clean]
patches:
- target: {kind: Deployment}
  patch: |-
    - op: add
      path: /spec/template/spec/containers/0/args/-
      value: --audit-interval=2s
`, manifests)
	must(t, os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(overlay), 0o600))
	_, err = shell(t.Context(), "kubectl apply -k "+directory+
		" && kubectl -n "+namespace+" rollout status deployment/"+deployment+" --timeout=120s")
	return err
}

// denies says why a namespace does not deny, or does not admit, a Pod that breaks the checks.
func denies(ctx context.Context, t *testing.T, namespace string, want bool) error {
	t.Helper()
	_, err := client(t).CoreV1().Pods(namespace).Create(ctx, badPod(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	denied := err != nil && strings.Contains(err.Error(), "denied the request")
	if denied == want && (denied || err == nil) {
		return nil
	}
	return errors.Join(fmt.Errorf("namespace %s: denied %t, want %t", namespace, denied, want), err)
}

// mend makes the Deployment one that both checks admit.
func mend(t *testing.T, namespace string) error {
	t.Helper()
	const patch = `{"spec": {"template": {"spec": {"hostNetwork": false, "containers": [{"name": "app", "image": "registry.example/app:v1"}]}}}}`
	_, err := client(t).AppsV1().Deployments(namespace).Patch(t.Context(), "legacy", types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{})
	return err
}

// wantEvent waits for an event of our pods with a reason, about something.
func wantEvent(t *testing.T, reason, about string) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := client(t).CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil {
			return err
		}
		for _, event := range list.Items {
			if strings.Contains(event.Message, about) {
				return nil
			}
		}
		return fmt.Errorf("none of %d events %s is about %s", len(list.Items), reason, about)
	})
}
