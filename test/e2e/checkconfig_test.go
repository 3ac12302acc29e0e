// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	configHead   = "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"
	configDeny   = configHead + "checks: {imageTag: {mode: deny}}\n"
	configWarn   = configHead + "checks: {imageTag: {mode: warn}}\n"
	configBroken = configHead + "checks:\n  imageTag: {mood: warn}\n"
	configExempt = configHead + "checks: {imageTag: {exempt: {namespaceSelector: {matchLabels: {trusted: 'yes'}}}}}\n"
)

// checkConfig is a configuration file as the kubelet mounts a ConfigMap, and the server that follows it.
type checkConfig struct {
	*site.Site
	dir     string
	swaps   int
	metrics string
	server  *process.Server
}

// followConfig runs the real server, built with the race detector, with a configuration that may change.
func followConfig(t *testing.T, content string, rules ...rbacv1.PolicyRule) *checkConfig {
	t.Helper()
	c := &checkConfig{dir: t.TempDir(), metrics: fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))}
	c.Site = site.New(t, shared, site.Options{Edit: func(shipped *site.Shipped) {
		shipped.ClusterRole.Rules = append(shipped.ClusterRole.Rules, rules...)
	}})
	must(t, os.Symlink("..data/checks.yaml", filepath.Join(c.dir, "checks.yaml")))
	c.swap(t, content)
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	t.Setenv("POD_UID", podUID)
	c.server = startBinary(t, c.Site, raceBinary(t), "--config="+filepath.Join(c.dir, "checks.yaml"),
		"--metrics-bind-address="+c.metrics, "--health-probe-bind-address="+health)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	return c
}

// raceBinary compiles the server with the race detector, which ends it with a report when it finds a race.
func raceBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "webhook")
	build := exec.CommandContext(t.Context(), "go", "build", "-modfile=release.mod", "-race", "-o", binary, "./cmd/webhook")
	build.Dir = site.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building ./cmd/webhook: %v: %s", err, out)
	}
	t.Setenv("GORACE", "halt_on_error=1")
	return binary
}

// swap writes the file as the kubelet does: a directory with the new content, and a link that is renamed onto the old.
func (c *checkConfig) swap(t *testing.T, content string) {
	t.Helper()
	c.swaps++
	generation := fmt.Sprintf("..%d", c.swaps)
	must(t, os.Mkdir(filepath.Join(c.dir, generation), 0o750))
	must(t, os.WriteFile(filepath.Join(c.dir, generation, "checks.yaml"), []byte(content), 0o600))
	must(t, os.Symlink(generation, filepath.Join(c.dir, "..tmp")))
	must(t, os.Rename(filepath.Join(c.dir, "..tmp"), filepath.Join(c.dir, "..data")))
	if c.swaps > 1 {
		must(t, os.RemoveAll(filepath.Join(c.dir, fmt.Sprintf("..%d", c.swaps-1))))
	}
}

// verdict waits until the API server admits, or refuses, a Pod of an image without a tag.
func (c *checkConfig) verdict(t *testing.T, want bool) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := c.Admit(ctx, site.BadImage); (err == nil) != want {
			return fmt.Errorf("want it to be admitted: %t, got %w\n%s", want, errOrNil(err), c.server.Log())
		}
		return nil
	})
}

// metric waits until the server's metrics have this line.
func (c *checkConfig) metric(t *testing.T, line string) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, body, err := fetch(ctx, "http://"+c.metrics+"/metrics")
		if err == nil && !strings.Contains(body, "\n"+line) {
			err = fmt.Errorf("the metrics do not have %s\n%s", line, c.server.Log())
		}
		return err
	})
}

// TestReloadUnderLoad: while admissions run, with failurePolicy Fail, the configuration is replaced again and again. None
// is lost, every good one is used, and a broken one changes nothing but what the operator is told.
func TestReloadUnderLoad(t *testing.T) {
	c := followConfig(t, configDeny)
	load := startStream(t, c.Site)
	for range 10 {
		c.swap(t, configWarn)
		c.verdict(t, true)
		c.swap(t, configDeny)
		c.verdict(t, false)
	}
	c.metric(t, "hookstrap_check_config_last_reload_successful 1")
	c.swap(t, configBroken)
	c.metric(t, "hookstrap_check_config_last_reload_successful 0")
	c.metric(t, `hookstrap_reload_errors_total{what="checks"} 1`)
	event := awaitEvent(t, c.Site, "FilesNotReloaded", corev1.EventTypeWarning)
	if want := `line 4: unknown field "checks.imageTag.mood"`; !strings.Contains(event.Message, want) ||
		!strings.Contains(c.server.Log(), `unknown field \"checks.imageTag.mood\"`) {
		t.Errorf("neither event nor log may lack %s: %s\n%s", want, event.Message, c.server.Log())
	}
	load.atLeast(t, 50)
	c.verdict(t, false)
	c.swap(t, configDeny)
	if event := awaitEvent(t, c.Site, "FilesReloaded", corev1.EventTypeNormal); !strings.Contains(event.Message, "(checks) are in use again") {
		t.Errorf("the event does not say that it is over: %s", event.Message)
	}
	must(t, os.Remove(filepath.Join(c.dir, "checks.yaml")))
	load.atLeast(t, 50)
	c.verdict(t, false)
	load.end(t)
	must(t, c.server.Stop())
	if strings.Contains(c.server.Log(), "DATA RACE") {
		t.Error(c.server.Log())
	}
}

// TestExemptionByNamespaceLabels: labels are read from a cache, which is filled before the exemption is used, and
// without the right to fill it the last good configuration stays.
func TestExemptionByNamespaceLabels(t *testing.T) {
	t.Run("with the right", func(t *testing.T) {
		c := followConfig(t, configDeny, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "list", "watch"}})
		c.swap(t, configExempt)
		c.verdict(t, false)
		c.label(t, `"yes"`)
		c.verdict(t, true)
		c.metric(t, `hookstrap_admission_exemptions_total{by="namespaceSelector",check="imageTag"}`)
		c.label(t, "null")
		c.verdict(t, false)
	})
	t.Run("without", func(t *testing.T) {
		c := followConfig(t, configWarn)
		c.swap(t, configExempt)
		c.metric(t, "hookstrap_check_config_last_reload_successful 0")
		if want := "it takes the right to list and watch them"; !strings.Contains(c.server.Log(), want) {
			t.Errorf("the log does not say %q:\n%s", want, c.server.Log())
		}
		c.verdict(t, true)
	})
}

// label gives the namespace of the Pods a label, or takes it away.
func (c *checkConfig) label(t *testing.T, value string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{"trusted":%s}}}`, value)
	_, err := c.Admin.CoreV1().Namespaces().Patch(t.Context(), c.Target, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
}
