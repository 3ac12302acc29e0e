// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// scaffolded is what `webhook scaffold` wrote, applied, for a webhook of that name.
type scaffolded struct {
	name, target, address, kubeconfig string
}

// newScaffolded writes and applies it. The webhook is asked about one namespace only, since other tests run here as well.
func newScaffolded(t *testing.T, kind string) *scaffolded {
	t.Helper()
	s := &scaffolded{name: "scaffolded-" + kind, target: clustertest.Namespace(t, shared)}
	dir := t.TempDir()
	_, err := runToEnd(t, "scaffold", kind, dir, "--service-name="+s.name, "--image=registry.example/hook:v1")
	must(t, err)
	configuration := filepath.Join(dir, "webhook.yaml")
	text, err := os.ReadFile(configuration)
	must(t, err)
	limited := strings.NewReplacer("NotIn", "In", `"kube-system", "kube-node-lease", "`+s.name+`"`, s.target).Replace(string(text))
	must(t, os.WriteFile(configuration, []byte(limited), 0o600))
	t.Cleanup(func() {
		if out, err := kubectlIn(context.WithoutCancel(t.Context()), "", "delete", "-k", dir, "--wait=false"); err != nil {
			t.Errorf("removing what was applied: %v: %s", err, out)
		}
	})
	out, err := kubectl(t, "", "apply", "-k", dir)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.address, err = site.Route(t.Context(), mustClient(t, shared.Config()), s.name, s.name, s.name)
	must(t, err)
	cfg, err := shared.ServiceAccountConfig(t.Context(), s.name, s.name)
	must(t, err)
	s.kubeconfig, err = shared.WriteKubeconfig(cfg, s.name)
	must(t, err)
	return s
}

// start runs a command as the container does: with its environment, and the rights of its ServiceAccount.
func (s *scaffolded) start(t *testing.T, command string, args ...string) *process.Server {
	t.Helper()
	executable, err := binary()
	must(t, err)
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Command: command,
		Args: append(args, "--kubeconfig="+s.kubeconfig, "--health-probe-bind-address=0", "--metrics-bind-address=0"),
		Env: []string{"SERVICE_NAME=" + s.name, "POD_NAMESPACE=" + s.name, "POD_NAME=hook-0", "POD_IPS=10.244.0.7",
			"POD_SERVICE_ACCOUNT=" + s.name},
	})
	must(t, err)
	t.Cleanup(func() {
		server.Kill()
		if t.Failed() {
			t.Logf("the log of webhook %s:\n%s", command, server.Log())
		}
	})
	return server
}

// awaitAnswer waits until a Pod gets the answer that is wanted of the webhook, which fails closed.
func (s *scaffolded) awaitAnswer(t *testing.T, image, denial string) {
	t.Helper()
	client := mustClient(t, shared.Config())
	clustertest.Eventually(t, func(ctx context.Context) error {
		pod := site.Pod(image)
		_, err := client.CoreV1().Pods(s.target).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		switch {
		case denial == "":
			return err
		case err == nil:
			return errors.New("the Pod was admitted")
		case !strings.Contains(err.Error(), denial):
			return err
		}
		return nil
	})
}

// A program with bootstrap.NewServer needs nothing but what is written for it.
func TestScaffoldedServerIsCalled(t *testing.T) {
	t.Parallel()
	s := newScaffolded(t, "server")
	host, port, err := net.SplitHostPort(s.address)
	must(t, err)
	server := s.start(t, "serve", "--webhook-configuration="+s.name, "--bind-address="+host, "--secure-port="+port,
		"--shutdown-delay=0s")
	awaitPhase(t, server, "ready", 1)
	s.awaitAnswer(t, "registry.example/app:v1", "")
	s.awaitAnswer(t, "registry.example/app", "imageTag")
}

// A server in any language needs nothing but the files, which the other containers write.
func TestScaffoldedSidecarServesFiles(t *testing.T) {
	t.Parallel()
	s := newScaffolded(t, "sidecar")
	deployment, err := mustClient(t, shared.Config()).AppsV1().Deployments(s.name).Get(t.Context(), s.name, metav1.GetOptions{})
	must(t, err)
	pod, serving := deployment.Spec.Template.Spec, t.TempDir()
	args := func(of []corev1.Container, name string) []string {
		i := slices.IndexFunc(of, func(c corev1.Container) bool { return c.Name == name })
		if i < 0 || of[i].Args[0] != "issue" {
			t.Fatalf("there is no container %s that issues in %+v", name, of)
		}
		return append(of[i].Args[1:], "--cert-dir="+serving) // The last one counts.
	}
	_, err = runToEnd(t, append([]string{"issue", "--kubeconfig=" + s.kubeconfig, "--service-name=" + s.name,
		"--namespace=" + s.name, "--service-account=" + s.name}, args(pod.InitContainers, "first-certificate")...)...)
	must(t, err)
	startFileServerAt(t, serving, s.address)
	issuer := s.start(t, "issue", append(args(pod.Containers, "certificate"), "--self-address="+s.address)...)
	awaitPhase(t, issuer, "trusted", 1)
	s.awaitAnswer(t, "registry.example/app", "")
}
