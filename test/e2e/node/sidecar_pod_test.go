// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && linux

package node

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	sidecarFiles = "test/e2e/node/testdata/sidecar/"
	// sidecarNamespace is one that our own checks leave alone: the interpreter comes from the node's file system.
	sidecarNamespace = metav1.NamespaceSystem
	// sidecarSetup gives the webhook the rights that docs/sidecar.md asks for: ours, with its names in them.
	sidecarSetup = `
kubectl apply -f ` + sidecarFiles + `sidecar.yaml
for kind in clusterrole clusterrolebinding role rolebinding; do
  sed 's/hookstrap-system/` + sidecarNamespace + `/; s/name: hookstrap$/name: my-webhook/; s/\["hookstrap"\]/["my-webhook"]/
    s/hookstrap-ca/my-webhook-ca/' manifests/base/$kind.yaml
  echo ---
done | kubectl apply -f -
kubectl -n ` + sidecarNamespace + ` create configmap my-webhook-program --from-file=examples/python/server.py`
	sidecarEnd = `
kubectl -n ` + sidecarNamespace + ` delete --ignore-not-found --grace-period=1 pod/my-webhook
kubectl delete --ignore-not-found clusterrole,clusterrolebinding my-webhook
kubectl -n ` + sidecarNamespace + ` delete --ignore-not-found role/my-webhook rolebinding/my-webhook \
  secret/my-webhook-ca configmap/my-webhook-program
kubectl delete --ignore-not-found -f ` + sidecarFiles + `sidecar.yaml`
)

// startSidecar returns the Pod of docs/sidecar.md when it is Ready.
func startSidecar(t *testing.T) *corev1.Pod {
	t.Helper()
	t.Cleanup(func() {
		_, err := shell(context.Background(), sidecarEnd)
		must(t, err)
	})
	_, err := shell(t.Context(), sidecarSetup)
	must(t, err)
	api := client(t).CoreV1().Pods(sidecarNamespace)
	pod, err := api.Create(t.Context(), sidecarPod(t), metav1.CreateOptions{})
	must(t, err)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		now, err := api.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if pod = now; !podReady(pod) {
			return fmt.Errorf("pod %s is not Ready: %v", pod.Name, pod.Status.ContainerStatuses)
		}
		return nil
	})
	return pod
}

// sidecarPod is that of docs/sidecar.md, with a server in it.
func sidecarPod(t *testing.T) *corev1.Pod {
	t.Helper()
	block, err := site.Block("docs/sidecar.md", "```yaml\n# pod.yaml\n")
	must(t, err)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "my-webhook", Labels: map[string]string{"app": "my-webhook"}}}
	must(t, yaml.UnmarshalStrict([]byte(block), &pod.Spec))
	ours, err := imageName(t.Context(), shared)
	must(t, err)
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if repository, _, _ := strings.Cut(c.Image, ":"); strings.HasPrefix(ours, repository+":") {
				c.Image = ours
			}
		}
	}
	server := &pod.Spec.Containers[len(pod.Spec.Containers)-1]
	server.Image, server.Command = ours, []string{"/usr/bin/python3", "/program/server.py"} // of the image, nothing runs
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "program", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "my-webhook-program"}},
	}})
	server.VolumeMounts = append(server.VolumeMounts, corev1.VolumeMount{Name: "program", MountPath: "/program"})
	for i, dir := range []string{"/usr", "/lib", "/lib64"} {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		name := fmt.Sprintf("python-%d", i)
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: dir},
		}})
		server.VolumeMounts = append(server.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: dir, ReadOnly: true})
	}
	return pod
}
