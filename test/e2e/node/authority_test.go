// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && authority && linux

package node

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	authorityNamespace, pythonNamespace, asksNamespace = "hookstrap-authority", "example-python", "authority-asks"
	// handedOver is how long a CA, or a certificate, may take: a successor signs six minutes after everybody has it, and
	// the kubelet looks at a volume every minute or two.
	handedOver = 15 * time.Minute
)

// TestAuthority runs `webhook authority` and the Pods of examples/python-pod-certificate, whose certificates the kubelet
// asks for. Whatever is done to the CA, the kubelet and the authority, no admission fails, and no server is started again.
func TestAuthority(t *testing.T) {
	uninstall(t)
	installAuthority(t)
	servers := pythonServers(t)
	for _, pod := range servers {
		withoutToken(t, &pod)
	}
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error { // Until kube-proxy leads there.
		if err := askAuthorized(ctx, t, "bad"); err == nil || !strings.Contains(err.Error(), "Python says no") {
			return fmt.Errorf("a bad ConfigMap is not denied by Python: %w", err)
		}
		return nil
	})
	load := startLoad(t, func(ctx context.Context) error { return askAuthorized(ctx, t, "good") })

	t.Run("the kubelet is restarted and asks again", func(t *testing.T) {
		shown := leaves(t, servers)
		restartKubelet(t)
		awaitRenewed(t, servers, func(i int, now *x509.Certificate) bool { return !now.Equal(shown[i]) })
	})
	t.Run("the authority is away while the kubelet asks", func(t *testing.T) { authorityAway(t, servers) })
	t.Run("the CA is rotated", func(t *testing.T) {
		old := leaves(t, servers)[0].AuthorityKeyId
		before := signingCA(t)
		_, err := shell(t.Context(), "kubectl -n "+authorityNamespace+" annotate secret hookstrap-authority-ca hookstrap.dev/rotate=now")
		must(t, err)
		clustertest.EventuallyWithin(t, handedOver, func(context.Context) error {
			if bytes.Equal(signingCA(t), before) {
				return errors.New("the new CA does not sign yet")
			}
			return nil
		})
		restartKubelet(t)
		awaitRenewed(t, servers, func(_ int, now *x509.Certificate) bool { return !bytes.Equal(now.AuthorityKeyId, old) })
	})

	load.wantNoneFailed(t)
	for _, pod := range pythonServers(t) {
		if n := statusOf(&pod, "server").RestartCount; n != 0 {
			t.Errorf("the server in %s was started %d times again", pod.Name, n)
		}
	}
}

// authorityAway has the kubelet ask while no authority runs: what is served stays, and the certificates come afterwards.
func authorityAway(t *testing.T, servers []corev1.Pod) {
	t.Helper()
	shown := leaves(t, servers)
	scaleAuthority(t, 0)
	restartKubelet(t)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		requests, err := client(t).CertificatesV1().PodCertificateRequests(pythonNamespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		waiting := 0
		for _, request := range requests.Items {
			if len(request.Status.Conditions) == 0 {
				waiting++
			}
		}
		if waiting < len(servers) {
			return fmt.Errorf("%d requests wait, want one for each of %d Pods", waiting, len(servers))
		}
		return nil
	})
	for i, now := range leaves(t, servers) {
		if !now.Equal(shown[i]) {
			t.Errorf("%s shows another certificate, which no authority can have signed", servers[i].Name)
		}
	}
	scaleAuthority(t, 2)
	awaitRenewed(t, servers, func(i int, now *x509.Certificate) bool { return !now.Equal(shown[i]) })
}

// installAuthority applies both, and removes them when the test ends.
func installAuthority(t *testing.T) {
	t.Helper()
	directory := pythonOverlay(t)
	t.Cleanup(func() {
		_, err := shell(context.WithoutCancel(t.Context()), "kubectl delete --ignore-not-found -k "+directory+
			"; kubectl delete --ignore-not-found -k manifests/authority; kubectl delete namespace "+asksNamespace)
		must(t, err)
	})
	_, err := shell(t.Context(), "kubectl create namespace "+asksNamespace+"; kubectl label namespace "+asksNamespace+
		" example-python=enabled; kubectl apply -k manifests/authority; kubectl apply -k "+directory)
	must(t, err)
	for _, of := range []string{authorityNamespace + " rollout status deployment/hookstrap-authority",
		pythonNamespace + " rollout status deployment/example-python"} {
		_, err = shell(t.Context(), "kubectl --namespace="+of+" --timeout=240s")
		must(t, err)
	}
}

// pythonOverlay is the example with the interpreter of this machine, since the node pulls no images.
func pythonOverlay(t *testing.T) string {
	t.Helper()
	directory, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	example, err := filepath.Rel(directory, filepath.Join(site.Root(), "examples", "python-pod-certificate"))
	must(t, err)
	image, err := imageName(t.Context(), shared)
	must(t, err)
	var volumes, mounts strings.Builder
	for i, dir := range []string{"/usr", "/lib", "/lib64"} {
		if _, err := os.Stat(dir); err == nil {
			fmt.Fprintf(&volumes, "      - {name: python-%d, hostPath: {path: %s}}\n", i, dir)
			fmt.Fprintf(&mounts, "        - {name: python-%d, mountPath: %s, readOnly: true}\n", i, dir)
		}
	}
	must(t, os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(fmt.Sprintf(`resources: [%s]
patches:
- patch: |
    apiVersion: v1
    kind: Namespace
    metadata: {name: example-python, labels: {pod-security.kubernetes.io/enforce: privileged}}
- path: deployment.yaml
`, example)), 0o600))
	must(t, os.WriteFile(filepath.Join(directory, "deployment.yaml"), []byte(fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: example-python, namespace: example-python}
spec:
  template:
    spec:
      containers:
      - name: server
        image: %s
        command: [/usr/bin/python3, -u, /program/server.py]
        volumeMounts:
%s      volumes:
%s`, image, &mounts, &volumes)), 0o600))
	return directory
}

// pythonServers are the Pods of the example.
func pythonServers(t *testing.T) []corev1.Pod {
	t.Helper()
	list, err := client(t).CoreV1().Pods(pythonNamespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(list.Items) != 2 {
		t.Fatalf("there are %d Pods, want 2", len(list.Items))
	}
	return list.Items
}

// withoutToken wants a Pod that could ask nothing of the API server, and whose ServiceAccount has no right of its own.
func withoutToken(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	for _, volume := range pod.Spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ServiceAccountToken != nil {
				t.Errorf("%s has a token in volume %s", pod.Name, volume.Name)
			}
		}
	}
	out, err := shell(t.Context(), "kubectl get roles,rolebindings,clusterroles,clusterrolebindings -A -o name | grep example-python || true")
	must(t, err)
	if out != "" {
		t.Errorf("there are rights: %s", out)
	}
}

func askAuthorized(ctx context.Context, t *testing.T, name string) error {
	t.Helper()
	_, err := client(t).CoreV1().ConfigMaps(asksNamespace).Create(ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// leaves are the certificates that the servers show.
func leaves(t *testing.T, servers []corev1.Pod) []*x509.Certificate {
	t.Helper()
	var all []*x509.Certificate
	for i := range servers {
		leaf, err := leafOf(t.Context(), &servers[i])
		must(t, err)
		all = append(all, leaf)
	}
	return all
}

// awaitRenewed waits until each server shows a certificate that is another one.
func awaitRenewed(t *testing.T, servers []corev1.Pod, isOther func(i int, now *x509.Certificate) bool) {
	t.Helper()
	began := time.Now()
	clustertest.EventuallyWithin(t, handedOver, func(ctx context.Context) error {
		for i := range servers {
			leaf, err := leafOf(ctx, &servers[i])
			if err != nil {
				return err
			}
			if !isOther(i, leaf) {
				return fmt.Errorf("%s still shows the certificate of before", servers[i].Name)
			}
		}
		return nil
	})
	t.Logf("all servers show a new certificate after %s", since(began))
}

// restartKubelet provokes a refresh: a kubelet that starts has no certificate of its Pods, and asks for all of them.
func restartKubelet(t *testing.T) {
	t.Helper()
	must(t, shared.StopComponent(node.Kubelet))
	must(t, shared.StartComponent(t.Context(), node.Kubelet))
}

func scaleAuthority(t *testing.T, replicas int) {
	t.Helper()
	_, err := shell(t.Context(), fmt.Sprintf("kubectl -n %[1]s scale deployment/hookstrap-authority --replicas=%[2]d; "+
		"kubectl -n %[1]s rollout status deployment/hookstrap-authority --timeout=240s", authorityNamespace, replicas))
	must(t, err)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := client(t).CoreV1().Pods(authorityNamespace).List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) != replicas {
			return errors.Join(fmt.Errorf("there are %d Pods of the authority, want %d", len(list.Items), replicas), err)
		}
		return nil
	})
}

// signingCA is the certificate that the authority signs with.
func signingCA(t *testing.T) []byte {
	t.Helper()
	secret, err := client(t).CoreV1().Secrets(authorityNamespace).Get(t.Context(), "hookstrap-authority-ca", metav1.GetOptions{})
	must(t, err)
	return secret.Data["ca.crt"]
}
