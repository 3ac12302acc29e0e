// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// example is what a directory of examples installs, on a control plane. Its Service leads to this machine.
type example struct {
	cluster                     *cluster.Cluster
	namespace, service, account string
	port                        int
	address, kubeconfig         string
}

// applyExample applies a kustomization below examples, changed by edit, and removes it when the test ends. The object is
// that which calls the Service, as kubectl names it, and portPath the place of the Service's port in it.
func applyExample(t *testing.T, e *example, directory, object, portPath string, edit func(string) string) {
	t.Helper()
	rendered, err := e.cluster.Kubectl(t.Context(), "kustomize", filepath.Join(site.Root(), "examples", directory)).Output()
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error { // Until what an earlier test applied is gone.
		_, err := e.tryKubectl(ctx, edit(string(rendered)), "apply", "-f", "-")
		return err
	})
	t.Cleanup(func() {
		cmd := e.cluster.Kubectl(context.WithoutCancel(t.Context()), "delete", "--ignore-not-found", "--wait=false", "-f", "-")
		cmd.Stdin = bytes.NewReader(rendered)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("removing the example: %v: %s", err, out)
		}
	})
	e.port = clustertest.FreePort(t)
	e.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port))
	services := mustClient(t, e.cluster.Config()).CoreV1().Services(e.namespace)
	service, err := services.Get(t.Context(), e.service, metav1.GetOptions{})
	must(t, err)
	service.Spec = corev1.ServiceSpec{
		Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: service.Spec.Ports}
	service.Spec.Ports[0].Port = int32(e.port) // #nosec G115 -- a port.
	_, err = services.Update(t.Context(), service, metav1.UpdateOptions{})
	must(t, err)
	e.kubectl(t, "", "patch", object, "--type=json", "-p",
		fmt.Sprintf(`[{"op": "add", "path": %q, "value": %d}]`, portPath, e.port))
	cfg, err := e.cluster.ServiceAccountConfig(t.Context(), e.namespace, e.account)
	must(t, err)
	e.kubeconfig, err = e.cluster.WriteKubeconfig(cfg, e.namespace)
	must(t, err)
}

func unchanged(manifests string) string { return manifests }

// kubectl runs it with an input, and returns what it says.
func (e *example) kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	said, err := e.tryKubectl(t.Context(), input, args...)
	must(t, err)
	return said
}

func (e *example) tryKubectl(ctx context.Context, input string, args ...string) (string, error) {
	cmd := e.cluster.Kubectl(ctx, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %v: %w: %s", args, err, out)
	}
	return string(out), err
}

// environment is that of a container, with the ServiceAccount's rights.
func (e *example) environment(more ...string) []string {
	return append(more, "KUBECONFIG="+e.kubeconfig, "SERVICE_NAME="+e.service, "POD_NAMESPACE="+e.namespace,
		"POD_NAME=hook-0", "POD_IPS=10.244.0.7", "POD_SERVICE_ACCOUNT="+e.account)
}

// container is one of the Deployment's, by name.
func (e *example) container(t *testing.T, name string) corev1.Container {
	t.Helper()
	deployment, err := mustClient(t, e.cluster.Config()).AppsV1().Deployments(e.namespace).Get(t.Context(), e.service,
		metav1.GetOptions{})
	must(t, err)
	pod := deployment.Spec.Template.Spec
	all := append(pod.InitContainers, pod.Containers...)
	i := slices.IndexFunc(all, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("the Deployment has no container %s", name)
	}
	return all[i]
}

// compiled builds a program below examples, in its own module.
func compiled(t *testing.T, directory, program string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, program)
	build.Dir = filepath.Join(site.Root(), directory)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", directory, err, out)
	}
	return binary
}

// inBackground runs a program until the test ends, and shows what it has logged if the test has failed.
func inBackground(t *testing.T, environment []string, command ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	must(t, cmd.Start())
	var running sync.WaitGroup
	running.Go(func() { _ = cmd.Wait() }) // It ends with the signal.
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if t.Failed() {
			t.Logf("%v has logged:\n%s", command, out.String())
		}
	})
}
