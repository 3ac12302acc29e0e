// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	// namespace and deployment are where and what the manifests install.
	namespace  = "hookstrap-system"
	deployment = "hookstrap"
	// ours selects our pods.
	ours = "app.kubernetes.io/name=hookstrap"
	// patience is for what a kubelet does.
	patience = 5 * time.Minute
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(shared.Config())
	must(t, err)
	return client
}

// shell runs a script in the repository's root as a user would: kubectl is on the path, and knows the cluster.
func shell(ctx context.Context, script string) (string, error) {
	kubectl := shared.Kubectl(ctx).Path
	cmd := exec.CommandContext(ctx, "sh", "-euc", script)
	cmd.Dir = site.Root()
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(),
		"PATH="+filepath.Dir(kubectl)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	if err != nil {
		return string(output), fmt.Errorf("%s: %w:\n%s", script, err, output)
	}
	return string(output), nil
}

// imageName is the name of our image in the manifests.
func imageName(ctx context.Context, n *node.Node) (string, error) {
	cmd := n.Kubectl(ctx, "kustomize", filepath.Join(site.Root(), "manifests"))
	rendered, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("rendering the manifests: %w", err)
	}
	for line := range bytes.Lines(rendered) {
		if name, found := strings.CutPrefix(strings.TrimSpace(string(line)), "image: "); found {
			return name, nil
		}
	}
	return "", errors.New("the manifests name no image")
}

// pods are ours, those that are being deleted left out.
func pods(ctx context.Context, client kubernetes.Interface) ([]corev1.Pod, error) {
	list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: ours})
	if err != nil {
		return nil, err
	}
	var living []corev1.Pod
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil {
			living = append(living, pod)
		}
	}
	return living, nil
}

func podReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// awaitPods waits until n of our pods, and no more, are there and all of them are Ready, and returns them.
func awaitPods(t *testing.T, n int) []corev1.Pod {
	t.Helper()
	client := client(t)
	var found []corev1.Pod
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		var err error
		if found, err = pods(ctx, client); err != nil {
			return err
		}
		for _, pod := range found {
			if !podReady(&pod) {
				return fmt.Errorf("pod %s is not Ready: %s", pod.Name, pod.Status.Phase)
			}
		}
		if len(found) != n {
			return fmt.Errorf("%d pods, want %d", len(found), n)
		}
		return nil
	})
	return found
}

// install applies the manifests with checks that deny, unless they are applied already, and waits until the API server
// calls our pods.
func install(t *testing.T) []corev1.Pod {
	t.Helper()
	_, err := shell(t.Context(), readmeInstallOf(t, "deny"))
	must(t, err)
	found := awaitPods(t, 2)
	awaitAdmission(t)
	return found
}

// awaitAdmission waits until a pod that breaks our rules is denied by them. The dry run asks our webhook as well.
func awaitAdmission(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		_, err := create(ctx, client(t), badPod(), metav1.DryRunAll)
		if err == nil {
			return errors.New("the pod was admitted")
		}
		if !strings.Contains(err.Error(), "denied the request") {
			return err
		}
		return nil
	})
}

func create(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, dryRun ...string) (*corev1.Pod, error) {
	return client.CoreV1().Pods(metav1.NamespaceDefault).Create(ctx, pod, metav1.CreateOptions{DryRun: dryRun})
}

// goodPod breaks no rule. It never runs: no one has its image.
func goodPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "good-"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "app", Image: "registry.example/app:v1", ImagePullPolicy: corev1.PullNever,
		}}},
	}
}

// badPod is on the node's own network.
func badPod() *corev1.Pod {
	pod := goodPod()
	pod.GenerateName = "bad-"
	pod.Spec.HostNetwork = true
	return pod
}
