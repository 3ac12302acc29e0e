// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build gitops

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

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/inforce"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestGitOps: the tools that install webhook configurations do as they like with the entries while a real server keeps
// the bundles right and its CA is rotated. No sync fails, no entry that stays loses its bundle, and a sync that changes
// nothing writes nothing. The table of docs/gitops.md is what came out of it.
func TestGitOps(t *testing.T) {
	executable := os.Getenv("HOOKSTRAP_BINARY") // Of another release, to compare.
	if executable == "" {
		var err error
		executable, err = binary()
		must(t, err)
	}
	var rows []gitopsRow
	for n, tool := range gitopsTools(t) {
		own, foreign := fmt.Sprintf("own-%d", n), fmt.Sprintf("foreign-%d", n)
		t.Run(own, func(t *testing.T) { rows = append(rows, runGitOps(t, executable, tool, ownManifests(t, own))) })
		t.Run(foreign, func(t *testing.T) { rows = append(rows, runGitOps(t, executable, tool, foreignConfiguration(t))) })
	}
	reportGitOps(t, rows)
}

// gitopsInstall is what an owner installs: a webhook configuration, with all that belongs to it or by itself.
type gitopsInstall struct {
	title         string
	namespace     string
	service       string
	configuration string
	// all is what the owner has in his repository, renamed the same with one entry under another name, and removed with
	// one entry less.
	all, renamed, removed string
	// oursOf are the names of our entries in one of these.
	oursOf func(manifests string) []string
	args   []string // of the server, more than the usual ones
	// inForce is the ClusterRoleBinding that puts our entries in force, "" if none does.
	inForce string
}

// runGitOps goes through the life of an install with one tool.
func runGitOps(t *testing.T, binary string, tool gitopsTool, i gitopsInstall) gitopsRow {
	t.Helper()
	row := gitopsRow{tool: tool.name, what: i.title}
	row.add(t, tool.sync(t, i.all))
	server := serveFor(t, binary, i)
	i.awaitFilled(t, i.all)
	watched := followBundles(t, i)

	row.add(t, i.syncChangesNothing(t, tool))
	before := i.live(t)
	i.rotate(t)
	i.awaitRotated(t, before)
	row.add(t, i.syncChangesNothing(t, tool))
	for _, manifests := range []string{i.renamed, i.removed} {
		err := tool.sync(t, manifests)
		if err == nil {
			i.awaitFilled(t, manifests)
		}
		row.add(t, err)
	}
	err := tool.rollBack(t, i.all)
	if err == nil {
		i.awaitFilled(t, i.all)
	}
	row.add(t, err)
	i.wantInForce(t, tool)
	row.lost = watched()
	i.wantNoFight(t, server)
	if row.lost > 0 {
		t.Errorf("%d times an entry that stayed had lost its caBundle", row.lost)
	}
	return row
}

// wantInForce: the server has put the entries in force, and a sync changes nothing about that.
func (i gitopsInstall) wantInForce(t *testing.T, tool gitopsTool) {
	t.Helper()
	if i.inForce == "" {
		return
	}
	bindings := mustClient(t, shared.Config()).RbacV1().ClusterRoleBindings()
	inForce := func(ctx context.Context) error {
		binding, err := bindings.Get(ctx, i.inForce, metav1.GetOptions{})
		if err == nil && !slices.Equal(binding.Subjects, []rbacv1.Subject{inforce.Subject()}) {
			err = fmt.Errorf("the subjects of ClusterRoleBinding %s are %v", i.inForce, binding.Subjects)
		}
		return err
	}
	clustertest.Eventually(t, inForce)
	before, err := bindings.Get(t.Context(), i.inForce, metav1.GetOptions{})
	must(t, err)
	must(t, tool.sync(t, i.all))
	after, err := bindings.Get(t.Context(), i.inForce, metav1.GetOptions{})
	must(t, err)
	if before.ResourceVersion != after.ResourceVersion {
		t.Errorf("a sync without a change changed what puts the entries in force: %v, then %v", before, after)
	}
}

// wantNoFight: the server has found no one who spoils what it repairs, and could write whenever it had to.
func (i gitopsInstall) wantNoFight(t *testing.T, server *process.Server) {
	t.Helper()
	events, err := mustClient(t, shared.Config()).CoreV1().Events(i.namespace).List(t.Context(),
		metav1.ListOptions{FieldSelector: "reason=CABundleFoughtOver"})
	must(t, err)
	for _, event := range events.Items {
		t.Error(event.Message)
	}
	if strings.Contains(server.Log(), "Cannot write caBundle") {
		t.Errorf("the server could not write:\n%s", server.Log())
	}
}

// syncChangesNothing syncs twice what is there, and wants no write by anyone the second time.
func (i gitopsInstall) syncChangesNothing(t *testing.T, tool gitopsTool) error {
	t.Helper()
	if err := tool.sync(t, i.all); err != nil {
		return err
	}
	i.awaitFilled(t, i.all)
	before := i.live(t)
	if err := tool.sync(t, i.all); err != nil {
		return err
	}
	after := i.live(t)
	if before.ResourceVersion != after.ResourceVersion {
		return errors.New("a sync without a change changed the configuration")
	}
	return nil
}

func (i gitopsInstall) live(t *testing.T) *admissionv1.ValidatingWebhookConfiguration {
	t.Helper()
	live, err := mustClient(t, shared.Config()).AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(),
		i.configuration, metav1.GetOptions{})
	must(t, err)
	return live
}

// awaitFilled waits until the live entries are those of the manifests, and ours have bundles.
func (i gitopsInstall) awaitFilled(t *testing.T, manifests string) {
	t.Helper()
	want := strings.Join(i.oursOf(manifests), " ")
	clustertest.Eventually(t, func(context.Context) error {
		var names []string
		for _, webhook := range i.live(t).Webhooks {
			if bundle, err := trust.ParseBundle(webhook.ClientConfig.CABundle); err == nil && !bundle.Empty() {
				names = append(names, webhook.Name)
			}
		}
		if got := strings.Join(names, " "); got != want {
			return fmt.Errorf("the entries with a bundle are %s, want %s", got, want)
		}
		return nil
	})
}

// rotate rotates the CA of the built-in signer.
func (i gitopsInstall) rotate(t *testing.T) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"now"}}}`, authority.RotateAnnotation)
	_, err := mustClient(t, shared.Config()).CoreV1().Secrets(i.namespace).Patch(t.Context(), i.service+"-ca",
		types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
}

func (i gitopsInstall) awaitRotated(t *testing.T, before *admissionv1.ValidatingWebhookConfiguration) {
	t.Helper()
	old := before.Webhooks[0].ClientConfig.CABundle
	clustertest.Eventually(t, func(context.Context) error {
		if string(i.live(t).Webhooks[0].ClientConfig.CABundle) == string(old) {
			return errors.New("the bundle is still the one from before the rotation")
		}
		return nil
	})
}

// serveFor runs the server with the ServiceAccount that was installed. Only it is a process and not a Pod.
func serveFor(t *testing.T, binary string, i gitopsInstall) *process.Server {
	t.Helper()
	token, err := shared.ServiceAccountConfig(t.Context(), i.namespace, i.service)
	must(t, err)
	kubeconfig, err := shared.WriteKubeconfig(token, i.namespace)
	must(t, err)
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: binary,
		Args: append([]string{"--kubeconfig=" + kubeconfig, "--webhook-configuration=" + i.configuration,
			"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", clustertest.FreePort(t)), "--metrics-bind-address=0",
			"--health-probe-bind-address=0", "--shutdown-delay=0s"}, i.args...),
		Env: []string{"SERVICE_NAME=" + i.service, "POD_NAMESPACE=" + i.namespace, "POD_NAME=hookstrap-0",
			"POD_IPS=10.244.0.7", "POD_SERVICE_ACCOUNT=" + i.service},
	})
	must(t, err)
	t.Cleanup(server.Kill)
	return server
}

// ownManifests are the project's, under names of the test: first with the overlay all-checks, then with the base, which
// has an entry less. There are no Pods of them: their webhook would be asked about those of other tests.
func ownManifests(t *testing.T, name string) gitopsInstall {
	t.Helper()
	i := gitopsInstall{title: "our manifests", namespace: name, service: name + "-hookstrap",
		configuration: name + "-hookstrap", inForce: name + "-hookstrap-in-force"}
	i.args = []string{"--in-force-binding=" + i.inForce}
	render := func(manifests string) string { return renderAs(t, manifests, i.namespace, name+"-") }
	i.all, i.removed = render("overlays/all-checks"), render("base")
	i.renamed = strings.ReplaceAll(i.all, "name: workloads.hookstrap.dev", "name: renamed.hookstrap.dev")
	i.oursOf = func(manifests string) []string { return entriesOf(t, manifests, "") }
	removeAfter(t, i)
	return i
}

// foreignConfiguration is somebody else's, with two entries that call our Service and one that does not.
func foreignConfiguration(t *testing.T) gitopsInstall {
	t.Helper()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	i := gitopsInstall{title: "a foreign configuration", namespace: s.Namespace, service: site.Service,
		configuration: s.Configuration, args: []string{"--shared-configurations"}}
	shipped := s.Shipped.Configuration.Webhooks[0]
	manifest := func(names ...string) string {
		c := s.Local(admissionv1.ValidatingWebhookConfiguration{})
		c.TypeMeta = metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration"}
		for _, name := range names {
			webhook := shipped.DeepCopy()
			webhook.Name = name + ".example.com"
			webhook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"none": s.Namespace}}
			webhook.ClientConfig.Service.Namespace = s.Namespace
			if name == "foreign" {
				webhook.ClientConfig.Service.Name = "other"
			}
			c.Webhooks = append(c.Webhooks, *webhook)
		}
		text, err := yaml.Marshal(c)
		must(t, err)
		return string(text)
	}
	i.all, i.renamed, i.removed = manifest("a", "foreign", "b"), manifest("a", "foreign", "c"), manifest("foreign", "c")
	i.oursOf = func(manifests string) []string { return entriesOf(t, manifests, "foreign.") }
	removeAfter(t, i)
	return i
}

// renderAs is a kustomization of ours in a namespace, with a prefix, and without Pods.
func renderAs(t *testing.T, manifests, namespace, prefix string) string {
	t.Helper()
	directory, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	relative, err := filepath.Rel(directory, filepath.Join(site.Root(), "manifests", manifests))
	must(t, err)
	text := fmt.Sprintf("resources: [%s]\nnamespace: %s\nnamePrefix: %s\nreplicas: [{name: hookstrap, count: 0}]\n", relative,
		namespace, prefix)
	must(t, os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(text), 0o600))
	out, err := shared.Kubectl(t.Context(), "kustomize", directory).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// removeAfter takes away what the cluster has of an install when the test is over; its Namespace is enough for the rest.
func removeAfter(t *testing.T, i gitopsInstall) {
	t.Helper()
	admin := mustClient(t, shared.Config())
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(ctx, i.configuration, metav1.DeleteOptions{})
		_ = admin.RbacV1().ClusterRoleBindings().Delete(ctx, i.inForce, metav1.DeleteOptions{})
		_ = admin.CoreV1().Namespaces().Delete(ctx, i.namespace, metav1.DeleteOptions{})
	})
}
