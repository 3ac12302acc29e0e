// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// BenchmarkAudit audits a cluster of AUDITED_PODS Pods (10,000) of 10 kB with the real binary, by the manifests' own webhook
// configuration. A hundred Pods have one ReplicaSet, and a tenth of all is denied. It reports the peak of the memory.
func BenchmarkAudit(b *testing.B) {
	plane := clustertest.StartWith(b, cluster.Options{WithoutControllerManager: true}) // It would delete Pods without owners.
	cfg := plane.Config()
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	client, pods := mustClient(b, cfg), atoi(b, "AUDITED_PODS", 10_000)
	crowdNamespaces(b, client, pods)
	executable, err := binary()
	must(b, err)
	var peak int64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), executable, "audit", "--kubeconfig="+plane.Kubeconfig(),
			"--webhook-configuration="+filepath.Join(site.Root(), "manifests", "base", "validatingwebhookconfiguration.yaml"))
		output, err := cmd.CombinedOutput()
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(output), fmt.Sprintf("\n%d objects judged", pods)) {
			b.Fatalf("%v:\n%s", err, output)
		}
		peak = max(peak, exit.SysUsage().(*syscall.Rusage).Maxrss)
	}
	b.ReportMetric(float64(peak)/1024, "MiB-peak")
	b.ReportMetric(float64(pods), "pods")
}

// podsOfOne is how many Pods have one owner, and podsOfNamespace how many one namespace.
const podsOfOne, podsOfNamespace = 100, 1000

func crowdNamespaces(b *testing.B, client kubernetes.Interface, pods int) {
	b.Helper()
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(8)
	for i := range pods {
		namespace := fmt.Sprint("team-", i/podsOfNamespace)
		if i%podsOfNamespace == 0 {
			must(b, group.Wait())
			group, ctx = errgroup.WithContext(b.Context())
			group.SetLimit(8)
			_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
			must(b, err)
			_, err = client.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
			must(b, err)
		}
		group.Go(func() error { return createPod(ctx, client, namespace, i) })
	}
	must(b, group.Wait())
}

func createPod(ctx context.Context, client kubernetes.Interface, namespace string, i int) error {
	owner := fmt.Sprint("web-", i/podsOfOne)
	image := "registry.example/app:1.2.3"
	if i/podsOfOne%10 == 0 {
		image = "registry.example/app:latest"
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: fmt.Sprint(owner, "-", i), Labels: map[string]string{"app": owner},
		Annotations: map[string]string{"notes": strings.Repeat("n", 2000)},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner, UID: "1", Controller: new(true),
		}},
	}}
	for j := range 3 {
		container := corev1.Container{Name: fmt.Sprint("app-", j), Image: image}
		for k := range 10 {
			container.Env = append(container.Env, corev1.EnvVar{Name: fmt.Sprint("VARIABLE_", k), Value: strings.Repeat("v", 50)})
		}
		pod.Spec.Containers = append(pod.Spec.Containers, container)
	}
	_, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}
