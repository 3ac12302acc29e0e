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
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestEveryReplicaDead: with failurePolicy Fail nothing is admitted where we are asked, and everything where the cluster
// and we ourselves come back from. Without a scheduler no replacement can run, so that we stay dead during that time.
func TestEveryReplicaDead(t *testing.T) {
	pods := install(t)
	makeNamespace(t, "kube-flannel")
	addFlannel(t)
	must(t, shared.StopComponent(node.Scheduler))
	t.Cleanup(func() { must(t, shared.StartComponent(context.Background(), node.Scheduler)) }) // for the tests that follow
	for _, pod := range pods {
		deletePod(t, pod.Name, 1)
	}
	for _, pod := range pods {
		awaitGone(t, namespace, pod.Name)
	}
	clustertest.Eventually(t, func(ctx context.Context) error {
		if ask(ctx, client(t), false).err == nil {
			return errors.New("a pod was admitted that nobody can have looked at")
		}
		return nil
	})
	wantRunning(t, metav1.NamespaceSystem)
	wantRunning(t, "kube-flannel") // Without a network no pod of ours starts.
	began := time.Now()
	must(t, shared.StartComponent(t.Context(), node.Scheduler))
	awaitPods(t, 2)
	awaitAdmission(t)
	t.Logf("every replica was dead; %s after the scheduler's start two were Ready and admissions answered", since(began))
}

// addFlannel lets the webhook leave the Pod network alone, as docs/install.md has it for a cluster with Flannel. The next
// install takes it back.
func addFlannel(t *testing.T) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	manifests, err := filepath.Rel(dir, filepath.Join(site.Root(), "manifests"))
	must(t, err)
	overlay := fmt.Sprintf("resources: [%[1]s]\ncomponents: [%[1]s/components/deny, %[1]s/components/network-addons/flannel]\n", manifests)
	must(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(overlay), 0o600))
	if out, err := shared.Kubectl(t.Context(), "apply", "-k", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func makeNamespace(t *testing.T, name string) {
	t.Helper()
	api := client(t).CoreV1().Namespaces()
	_, err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, api.Delete(context.Background(), name, metav1.DeleteOptions{})) })
	clustertest.Eventually(t, func(ctx context.Context) error { return cluster.NamespaceReady(ctx, client(t), name) })
}

// wantRunning runs a pod of the control plane's, as a static pod or a DaemonSet's is bound to its node.
func wantRunning(t *testing.T, in string) {
	t.Helper()
	api := client(t).CoreV1().Pods(in)
	pod, err := api.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "vital-"},
		Spec: corev1.PodSpec{
			NodeName: shared.Name(), PriorityClassName: "system-node-critical", HostNetwork: true,
			Containers: []corev1.Container{{Name: "pause", Image: node.PauseImage, ImagePullPolicy: corev1.PullNever}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		found, err := api.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if found.Status.Phase != corev1.PodRunning {
			return fmt.Errorf("pod %s is %s", found.Name, found.Status.Phase)
		}
		return nil
	})
	must(t, api.Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
}

// TestPowerCut: the whole cluster goes dark with our configuration in place, and comes back by itself.
func TestPowerCut(t *testing.T) {
	before := install(t)
	must(t, shared.PowerOff())
	began := time.Now()
	must(t, shared.PowerOn(t.Context()))
	up := since(began)
	// Until the kubelet has reported, the pods are what they were before the cut.
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		living, err := pods(ctx, client(t))
		if err != nil {
			return err
		}
		for _, pod := range living {
			if id := statusOf(&pod, serverContainer).ContainerID; id == "" || containerOf(before, id) {
				return fmt.Errorf("pod %s has not been started again", pod.Name)
			}
		}
		return nil
	})
	awaitPods(t, 2)
	awaitAdmission(t)
	t.Logf("power cut: node Ready after %s, our pods Ready and admissions answered after %s", up, since(began))
	wantRunning(t, metav1.NamespaceSystem)
}

func containerOf(pods []corev1.Pod, id string) bool {
	for _, pod := range pods {
		if statusOf(&pod, serverContainer).ContainerID == id {
			return true
		}
	}
	return false
}
