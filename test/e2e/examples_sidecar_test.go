// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestExamplePython runs the three commands of the Deployment of examples/python, and the API server calls the program.
func TestExamplePython(t *testing.T) {
	t.Parallel()
	e := newSidecarExample(t, "python")
	program := e.container(t, "server").Command
	if len(program) != 3 || program[2] != "/program/server.py" {
		t.Fatalf("the server is started by %q", program)
	}
	inBackground(t, []string{"CERT_DIR=" + e.serving, "ADDRESS=" + e.address},
		program[0], program[1], filepath.Join(site.Root(), "examples", "python", "server.py"))
	e.wantCalledThroughARenewal(t, "Python says no")
}

// sidecarExample is a webhook that reads files, in a Pod with `webhook issue`.
type sidecarExample struct {
	*example
	serving, target string
}

// newSidecarExample applies it, and gets the first certificate as the init container does.
func newSidecarExample(t *testing.T, name string) *sidecarExample {
	t.Helper()
	full := "example-" + name
	e := &sidecarExample{serving: t.TempDir(), target: clustertest.Namespace(t, shared),
		example: &example{cluster: shared, namespace: full, service: full, account: full}}
	applyExample(t, e.example, name, "validatingwebhookconfiguration/"+full, "/webhooks/0/clientConfig/service/port", unchanged)
	e.kubectl(t, "", "label", "namespace", e.target, full+"=enabled")
	_, err := runToEnd(t, append(e.container(t, "first-certificate").Args, "--cert-dir="+e.serving,
		"--kubeconfig="+e.kubeconfig, "--service-name="+full, "--namespace="+full, "--service-account="+full)...)
	must(t, err)
	return e
}

// wantCalledThroughARenewal runs the sidecar, and expects verdicts of the server before and after it has a new certificate.
func (e *sidecarExample) wantCalledThroughARenewal(t *testing.T, denial string) {
	t.Helper()
	executable, err := binary()
	must(t, err)
	issuer, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Command: "issue", Env: e.environment(),
		Args: append(e.container(t, "certificate").Args[1:], "--cert-dir="+e.serving, "--self-address="+e.address,
			"--kubeconfig="+e.kubeconfig, "--health-probe-bind-address=0", "--metrics-bind-address=0"),
	})
	must(t, err)
	t.Cleanup(func() {
		issuer.Kill()
		if t.Failed() {
			t.Logf("webhook issue has logged:\n%s", issuer.Log())
		}
	})
	awaitPhase(t, issuer, "trusted", 1)
	e.awaitVerdicts(t, denial)
	before, err := site.Presented(t.Context(), e.address)
	must(t, err)
	must(t, issuer.Signal(syscall.SIGHUP))
	awaitPhase(t, issuer, "served", 2)
	clustertest.Eventually(t, func(ctx context.Context) error {
		if now, err := site.Presented(ctx, e.address); err != nil || now.Equal(before) {
			return errors.Join(errors.New("the old certificate is still presented"), err)
		}
		return nil
	})
	e.awaitVerdicts(t, denial)
}

// awaitVerdicts waits until a ConfigMap with a bad name is denied in these words, and wants a good one to be admitted.
func (e *sidecarExample) awaitVerdicts(t *testing.T, denial string) {
	t.Helper()
	maps := mustClient(t, e.cluster.Config()).CoreV1().ConfigMaps(e.target)
	create := func(ctx context.Context, name string) error {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
		_, err := maps.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := create(ctx, "bad"); err == nil || !strings.Contains(err.Error(), denial) {
			return fmt.Errorf("the ConfigMap bad was not denied with %q: %w", denial, errOrNil(err))
		}
		return nil
	})
	must(t, create(t.Context(), "good"))
}
