// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handlertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// scaffolded is what `webhook scaffold` wrote, applied, for a webhook of that name.
type scaffolded struct {
	name, target, address, kubeconfig string
	program                           string // that is started
	pod                               corev1.PodSpec
}

// newScaffolded writes and applies it.
func newScaffolded(t *testing.T, kind string) *scaffolded {
	t.Helper()
	s := &scaffolded{name: "scaffolded-" + kind, target: clustertest.Namespace(t, shared)}
	dir := t.TempDir()
	_, err := runToEnd(t, "scaffold", kind, dir, "--service-name="+s.name, "--image=registry.example/hook:v1")
	must(t, err)
	s.program, err = binary()
	must(t, err)
	s.apply(t, dir)
	return s
}

// apply applies the manifests in a directory. The webhook is asked about one namespace only, since other tests run here as
// well.
func (s *scaffolded) apply(t *testing.T, dir string) {
	t.Helper()
	configurations, err := filepath.Glob(filepath.Join(dir, "*webhook.yaml"))
	must(t, err)
	for _, configuration := range configurations {
		text, err := os.ReadFile(configuration)
		must(t, err)
		limited := strings.NewReplacer("NotIn", "In", `"kube-system", "kube-node-lease", "`+s.name+`"`, s.target).Replace(string(text))
		must(t, os.WriteFile(configuration, []byte(limited), 0o600))
	}
	t.Cleanup(func() {
		if out, err := kubectlIn(context.WithoutCancel(t.Context()), "", "delete", "-k", dir, "--wait=false"); err != nil {
			t.Errorf("removing what was applied: %v: %s", err, out)
		}
	})
	clustertest.Eventually(t, func(ctx context.Context) error { // Until what an earlier test applied is gone.
		out, err := kubectlIn(ctx, "", "apply", "-k", dir)
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
	client := mustClient(t, shared.Config())
	s.address, err = site.Route(t.Context(), client, s.name, s.name, s.name)
	must(t, err)
	deployment, err := client.AppsV1().Deployments(s.name).Get(t.Context(), s.name, metav1.GetOptions{})
	must(t, err)
	s.pod = deployment.Spec.Template.Spec
	cfg, err := shared.ServiceAccountConfig(t.Context(), s.name, s.pod.ServiceAccountName)
	must(t, err)
	s.kubeconfig, err = shared.WriteKubeconfig(cfg, s.name)
	must(t, err)
}

// container is one of the Deployment's, or the test fails.
func (s *scaffolded) container(t *testing.T, name string) corev1.Container {
	t.Helper()
	for _, c := range append(s.pod.InitContainers, s.pod.Containers...) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no container %s in %+v", name, s.pod)
	return corev1.Container{}
}

// environment is that of a container, with what the kubelet would know of the Pod.
func (s *scaffolded) environment(t *testing.T, container string) (all []string) {
	t.Helper()
	fields := map[string]string{"metadata.namespace": s.name, "metadata.name": "hook-0", "metadata.uid": "0-1",
		"status.podIPs": "10.244.0.7", "spec.serviceAccountName": s.pod.ServiceAccountName}
	for _, variable := range s.container(t, container).Env {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = fields[variable.ValueFrom.FieldRef.FieldPath]
		}
		all = append(all, variable.Name+"="+value)
	}
	return all
}

// start runs a command as the container does: with its environment, and the rights of its ServiceAccount.
func (s *scaffolded) start(t *testing.T, container, command string, args ...string) *process.Server {
	t.Helper()
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: s.program, Command: command,
		Args: append(args, "--kubeconfig="+s.kubeconfig, "--health-probe-bind-address=0", "--metrics-bind-address=0"),
		Env:  s.environment(t, container),
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

// admit has the API server judge a Pod, which is not created.
func (s *scaffolded) admit(ctx context.Context, t *testing.T, image string) error {
	t.Helper()
	_, err := mustClient(t, shared.Config()).CoreV1().Pods(s.target).Create(ctx, site.Pod(image),
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// awaitRefused waits until a Pod is refused with that text.
func (s *scaffolded) awaitRefused(t *testing.T, image, text string) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		err := s.admit(ctx, t, image)
		if err == nil {
			return errors.New("the Pod was admitted")
		}
		if !strings.Contains(err.Error(), text) {
			return err
		}
		return nil
	})
}

// A program with bootstrap.NewServer needs nothing but what is written for it. Before it is ready nothing is denied, and
// after its end it is called all the same.
func TestScaffoldedServerIsCalled(t *testing.T) {
	t.Parallel()
	const good, bad = "registry.example/app:v1", "registry.example/app"
	s := newScaffolded(t, "server")
	if err := s.admit(t.Context(), t, bad); err != nil {
		t.Errorf("a Pod before the server was ready: %v", err)
	}
	host, port, err := net.SplitHostPort(s.address)
	must(t, err)
	server := s.start(t, "server", "serve", "--webhook-configuration="+s.name, "--bind-address="+host, "--secure-port="+port,
		"--shutdown-delay=0s")
	s.awaitRefused(t, bad, "imageTag")
	if err := s.admit(t.Context(), t, good); err != nil {
		t.Errorf("a good Pod: %v", err)
	}
	server.Kill()
	s.awaitRefused(t, good, "failed calling webhook")
}

// The module of `scaffold go`, compiled with this repository, does through the API server what its testdata says.
func TestScaffoldedModuleIsCalled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &scaffolded{name: "scaffolded-go", target: clustertest.Namespace(t, shared), program: filepath.Join(dir, "program")}
	_, err := runToEnd(t, "scaffold", "go", dir, "--service-name="+s.name, "--image=registry.example/hook:v1")
	must(t, err)
	for _, args := range [][]string{{"mod", "edit", "-replace=github.com/hookstrap/hookstrap=" + site.Root()},
		{"build", "-mod=mod", "-o", s.program, "."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOPROXY=off", "GOSUMDB=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	s.apply(t, filepath.Join(dir, "deploy"))
	host, port, err := net.SplitHostPort(s.address)
	must(t, err)
	wantSaid(t, s.name, step{`patch mutatingwebhookconfiguration ` + s.name + ` --type=json -p ` +
		`[{"op":"add","path":"/webhooks/0/clientConfig/service/port","value":` + port + `}]`, "patched"})
	s.start(t, "server", "serve", "--bind-address="+host, "--secure-port="+port, "--shutdown-delay=0s")
	s.awaitRefused(t, "registry.example/app:v1", "ownerLabel: metadata.labels[owner]: is missing")
	handlertest.ExpectFiles(t, filepath.Join(dir, "testdata"), handlertest.Server(shared.Config(), s.target))
	wantSaid(t, s.target,
		step{"run web --image=registry.example/app:v1 --labels=owner=jane", "pod/web created"},
		step{"get pod web -o jsonpath={.metadata.labels}", `{"owner":"jane","team":"none"}`},
	)
}

// A server in any language needs nothing but the files, which the other containers write.
func TestScaffoldedSidecarServesFiles(t *testing.T) {
	t.Parallel()
	s := newScaffolded(t, "sidecar")
	serving := t.TempDir()
	args := func(container string) []string {
		c := s.container(t, container)
		if c.Args[0] != "issue" {
			t.Fatalf("container %s does not issue: %q", container, c.Args)
		}
		return append(c.Args[1:], "--cert-dir="+serving) // The last one counts.
	}
	_, err := runToEnd(t, append([]string{"issue", "--kubeconfig=" + s.kubeconfig, "--service-name=" + s.name,
		"--namespace=" + s.name, "--service-account=" + s.name}, args("first-certificate")...)...)
	must(t, err)
	var calls atomic.Int64
	startFileServerWith(t, serving, s.address, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		sayYes(w, r)
	})
	s.start(t, "certificate", "issue", append(args("certificate"), "--self-address="+s.address)...)
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := s.admit(ctx, t, "registry.example/app"); err != nil {
			return err
		}
		if calls.Load() == 0 {
			return errors.New("the server was not called yet")
		}
		return nil
	})
}
