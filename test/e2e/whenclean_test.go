// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// cleanConfigMap is the ConfigMap of the component deny-when-clean.
const cleanConfigMap = "hookstrap-clean"

// cleanSite is an install of the overlay deny-when-clean, whose server is asked about namespaces with a label. Target has
// a Deployment that is older than the server and breaks the check.
type cleanSite struct {
	*site.Site
	binary, config string
	other          string // a namespace in which nothing is wrong
}

func newCleanSite(t *testing.T, edit func(*site.Shipped)) *cleanSite {
	t.Helper()
	executable, err := binary()
	must(t, err)
	c := &cleanSite{binary: executable, config: filepath.Join(t.TempDir(), "checks.yaml")}
	must(t, os.WriteFile(c.config, []byte(configHead+"checks: {imageTag: {mode: denyWhenClean}, podSecurity: {mode: off}}\n"), 0o600))
	c.Site = site.New(t, shared, site.Options{
		Manifests: "manifests/overlays/deny-when-clean", WithoutConfiguration: true, Edit: edit,
	})
	_, err = c.Admin.AppsV1().Deployments(c.Target).Create(t.Context(), oldDeployment(), metav1.CreateOptions{})
	must(t, err)
	c.ask(t, c.Target)
	c.other = c.namespace(t)
	configuration := c.Local(c.Shipped.Configuration)
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"asked-by": c.Namespace}}
	}
	configurations := c.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err = configurations.Create(t.Context(), configuration, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = configurations.Delete(context.WithoutCancel(t.Context()), c.Configuration, metav1.DeleteOptions{})
	})
	return c
}

// oldDeployment has an image without a tag.
func oldDeployment() *appsv1.Deployment {
	labels := map[string]string{"app": "old"}
	pod := site.Pod(site.BadImage)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "old"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
		},
	}
}

// ask has the server asked about a namespace.
func (c *cleanSite) ask(t *testing.T, namespace string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{"asked-by":%q}}}`, c.Namespace)
	_, err := c.Admin.CoreV1().Namespaces().Patch(t.Context(), namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	must(t, err)
}

// namespace makes another one that the server is asked about.
func (c *cleanSite) namespace(t *testing.T) string {
	t.Helper()
	name := clustertest.Namespace(t, c.Cluster)
	c.ask(t, name)
	return name
}

func (c *cleanSite) flags(interval string) []string {
	return []string{"--config=" + c.config, "--clean-configmap-name=" + cleanConfigMap, "--audit-interval=" + interval}
}

// serve starts a server that is called.
func (c *cleanSite) serve(t *testing.T, interval string, args ...string) *process.Server {
	t.Helper()
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	args = slices.Concat(c.flags(interval), []string{"--health-probe-bind-address=" + health}, args)
	server := startBinary(t, c.Site, c.binary, args...)
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := readyz(ctx, health); err != nil {
			return fmt.Errorf("%w\n%s", err, server.Log())
		}
		return nil
	})
	return server
}

// auditor starts a server that is not called, and whose caBundle something else keeps: it reads the rules of the
// configuration with the name of its Service.
func (c *cleanSite) auditor(t *testing.T) *process.Server {
	t.Helper()
	dir := t.TempDir()
	certificate, key := newTestCA(t, "auditor").issue(t, c.Configuration+"."+c.Namespace+".svc")
	writeFiles(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key})
	return startServe(t, c.Site, c.binary, slices.Concat(c.flags("1s"), []string{
		"--certificate-source=files", "--cert-dir=" + dir, "--webhook-configuration=none", "--service-name=" + c.Configuration,
		fmt.Sprintf("--secure-port=%d", clustertest.FreePort(t)), "--health-probe-bind-address=0",
	})...)
}

// verdict says why a namespace does not deny, or does not admit, a Pod of an image without a tag.
func (c *cleanSite) verdict(ctx context.Context, namespace string, denies bool) error {
	_, err := c.Admin.CoreV1().Pods(namespace).Create(ctx, site.Pod(site.BadImage), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	denied := err != nil && strings.Contains(err.Error(), "denied the request")
	switch {
	case denied == denies && (denied || err == nil):
		return nil
	case err != nil:
		return fmt.Errorf("namespace %s: want it denied: %t, got %w", namespace, denies, err)
	}
	return errors.New("namespace " + namespace + " admits")
}

func (c *cleanSite) await(t *testing.T, server *process.Server, namespace string, denies bool) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := c.verdict(ctx, namespace, denies); err != nil {
			return fmt.Errorf("%w\n%s", err, server.Log())
		}
		return nil
	})
}

// record waits until the ConfigMap says whether Target is clean, and that the other namespace is.
func (c *cleanSite) record(t *testing.T, server *process.Server, target bool) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		found, err := c.Admin.CoreV1().ConfigMaps(c.Namespace).Get(ctx, cleanConfigMap, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("%w\n%s", err, server.Log())
		}
		for key, value := range found.Data {
			if strings.HasPrefix(key, "imageTag.") && strings.Contains(value, `"audited"`) &&
				strings.Contains(value, c.Target) == target && !strings.Contains(value, c.other) {
				return nil
			}
		}
		return fmt.Errorf("the ConfigMap has %v\n%s", found.Data, server.Log())
	})
}

// TestDenyWhenClean: two servers audit, one after the other, and both know what either has found. A third that may not
// audit for an hour goes by what they have written down.
func TestDenyWhenClean(t *testing.T) {
	c := newCleanSite(t, nil)
	first := c.serve(t, "1s")
	c.await(t, first, c.other, true)
	c.await(t, first, c.Target, false)
	c.record(t, first, true)
	event := awaitEventAbout(t, c.Site, "CheckDenies", "imageTag")
	if strings.Contains(event.Message, c.Target) {
		t.Errorf("the event is about the wrong namespace: %s", event.Message)
	}
	if log := first.Log(); !strings.Contains(log, "A check in mode denyWhenClean denies in more namespaces") {
		t.Errorf("the log does not say where it denies: %s", log)
	}

	t.Run("damaged", func(t *testing.T) {
		c.spoil(t)
		c.record(t, first, true)
		c.wantLogged(t, first, "The ConfigMap is damaged")
	})
	t.Run("deleted", func(t *testing.T) {
		must(t, c.Admin.CoreV1().ConfigMaps(c.Namespace).Delete(t.Context(), cleanConfigMap, metav1.DeleteOptions{}))
		c.record(t, first, true)
		c.wantLogged(t, first, "The ConfigMap was deleted")
	})
	for namespace, denies := range map[string]bool{c.other: true, c.Target: false} {
		must(t, c.verdict(t.Context(), namespace, denies))
	}

	second := c.auditor(t)
	must(t, first.Stop())
	third := c.serve(t, "1h")
	must(t, c.verdict(t.Context(), c.other, true))
	must(t, c.verdict(t.Context(), c.Target, false))
	must(t, c.verdict(t.Context(), c.namespace(t), true))
	c.mend(t)
	c.await(t, third, c.Target, true)
	c.record(t, third, false)
	must(t, second.Stop())
}

// mend gives the Deployment an image that the check admits.
func (c *cleanSite) mend(t *testing.T) {
	t.Helper()
	deployments := c.Admin.AppsV1().Deployments(c.Target)
	found, err := deployments.Get(t.Context(), "old", metav1.GetOptions{})
	must(t, err)
	found.Spec.Template.Spec.Containers[0].Image = site.GoodImage
	_, err = deployments.Update(t.Context(), found, metav1.UpdateOptions{})
	must(t, err)
}

// spoil writes what cannot be read into the ConfigMap.
func (c *cleanSite) spoil(t *testing.T) {
	t.Helper()
	maps := c.Admin.CoreV1().ConfigMaps(c.Namespace)
	clustertest.Eventually(t, func(ctx context.Context) error {
		found, err := maps.Get(ctx, cleanConfigMap, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for key := range found.Data {
			found.Data[key] = `{"audited":`
		}
		_, err = maps.Update(ctx, found, metav1.UpdateOptions{})
		return err
	})
}

func (c *cleanSite) wantLogged(t *testing.T, server *process.Server, text string) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if !strings.Contains(server.Log(), text) {
			return fmt.Errorf("%q is not in the log:\n%s", text, server.Log())
		}
		return nil
	})
}

// awaitEventAbout waits for an event with a reason and a text.
func awaitEventAbout(t *testing.T, s *site.Site, reason, text string) (event corev1.Event) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		events, err := eventsOf(ctx, s, reason)
		for _, event = range events {
			if strings.Contains(event.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("no event %s about %s: %w", reason, text, errOrNil(err))
	})
	return event
}

// Each rule of the component is needed. What is missing is said, and nothing is denied before an audit was whole.
func TestDenyWhenCleanNeedsItsRights(t *testing.T) {
	c := newCleanSite(t, func(s *site.Shipped) {
		s.ClusterRole.Rules = slices.DeleteFunc(slices.Clone(s.ClusterRole.Rules), func(r rbacv1.PolicyRule) bool {
			return slices.Contains(r.Resources, "cronjobs")
		})
	})
	server := c.serve(t, "1s")
	c.wantLogged(t, server, "Cannot audit for the mode denyWhenClean")
	if !strings.Contains(server.Log(), "jobs.batch") {
		t.Errorf("the log does not say what is missing: %s", server.Log())
	}
	must(t, c.verdict(t.Context(), c.other, false))
}
