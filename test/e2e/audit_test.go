// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/auditreport"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// audited is a cluster with Deployments that are older than the checks, and a user who may audit.
type audited struct {
	admin         kubernetes.Interface
	shop, outside string // namespaces: asked about, and not
	configuration string // of the webhook, in the cluster
	kubeconfig    string
	role          *rbacv1.ClusterRole
}

// newAudited waits until the Deployment web has three Pods, and exempt one.
func newAudited(t *testing.T) *audited {
	t.Helper()
	a := &audited{admin: mustClient(t, shared.Config())}
	a.shop, a.outside = a.namespace(t, "yes"), a.namespace(t, "no")
	for name, replicas := range map[string]int32{"web": 3, "exempt": 1} {
		deployment := badDeployment(name)
		deployment.Spec.Replicas = &replicas
		_, err := a.admin.AppsV1().Deployments(a.shop).Create(t.Context(), deployment, metav1.CreateOptions{})
		must(t, err)
		a.await(t, "app="+name, int(replicas))
	}
	for namespace, pod := range map[string]*corev1.Pod{a.shop: site.Pod("registry.example/app:1"), a.outside: site.Pod(site.BadImage)} {
		_, err := a.admin.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
		must(t, err)
	}
	a.configure(t)
	a.grant(t)
	return a
}

func (a *audited) namespace(t *testing.T, isAudited string) string {
	t.Helper()
	namespace, err := a.admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "audited-", Labels: map[string]string{"audited": isAudited}}}, metav1.CreateOptions{})
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := a.admin.CoreV1().ServiceAccounts(namespace.Name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return namespace.Name
}

func (a *audited) await(t *testing.T, selector string, pods int) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		list, err := a.admin.CoreV1().Pods(a.shop).List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err == nil && len(list.Items) != pods {
			err = fmt.Errorf("there are %d Pods of %d", len(list.Items), pods)
		}
		return err
	})
}

// configure creates the webhook configuration of the manifests, for one namespace and without a server.
func (a *audited) configure(t *testing.T) {
	t.Helper()
	shipped, err := site.Render(t.Context(), shared, "manifests")
	must(t, err)
	configuration := &shipped.Configuration
	a.configuration, configuration.Name = a.shop, a.shop
	for i := range configuration.Webhooks {
		w := &configuration.Webhooks[i]
		w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: a.shop, "audited": "yes"}}
		w.FailurePolicy, w.TimeoutSeconds = ptr.To(admissionv1.Ignore), ptr.To[int32](1)
	}
	all := a.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err = all.Create(t.Context(), configuration, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() { _ = all.Delete(context.WithoutCancel(t.Context()), a.configuration, metav1.DeleteOptions{}) })
}

// grant makes a user with the role of the page.
func (a *audited) grant(t *testing.T) {
	t.Helper()
	a.role = &rbacv1.ClusterRole{}
	text := strings.Replace(pageBlock(t, "docs/audit.md", "```yaml\n# clusterrole.yaml\n"), `["hookstrap"]`, "["+a.configuration+"]", 1)
	must(t, yaml.UnmarshalStrict([]byte(text), a.role))
	a.role.Name = a.shop
	_, err := a.admin.RbacV1().ClusterRoles().Create(t.Context(), a.role, metav1.CreateOptions{})
	must(t, err)
	_, err = a.admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: a.shop},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: a.shop}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: a.role.Name},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = a.admin.RbacV1().ClusterRoleBindings().Delete(ctx, a.shop, metav1.DeleteOptions{})
		_ = a.admin.RbacV1().ClusterRoles().Delete(ctx, a.role.Name, metav1.DeleteOptions{})
	})
	cfg, err := shared.AddUser(a.shop)
	must(t, err)
	a.kubeconfig, err = shared.WriteKubeconfig(cfg, a.shop)
	must(t, err)
	client := mustClient(t, cfg)
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, a.configuration, metav1.GetOptions{})
		return err
	})
}

// run runs the command with checks, and returns its output and its exit code.
func (a *audited) run(t *testing.T, checks string, args ...string) (string, int) {
	t.Helper()
	executable, err := binary()
	must(t, err)
	path := filepath.Join(t.TempDir(), "checks.yaml")
	must(t, os.WriteFile(path, []byte(configHead+"checks: "+checks+"\n"), 0o600))
	cmd := exec.CommandContext(t.Context(), executable, append([]string{"audit", "--kubeconfig=" + a.kubeconfig,
		"--config=" + path, "--webhook-configuration=validating/" + a.configuration}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Logf("stderr: %s", &stderr)
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

// exemptOne lets the checks of images deny, but for one Deployment.
func (a *audited) exemptOne(mode string) string {
	return fmt.Sprintf("{podSecurity: {mode: off}, imageTag: {mode: %s, exempt: {objects: [{kinds: [deployments.apps], "+
		"names: [exempt], namespaces: [%s], reason: OPS-12}]}}}", mode, a.shop)
}

// TestAudit: a Deployment that is older than the checks is reported once and not for each of its Pods, with what happens
// next. What the server is not asked about, and what is exempt, is not reported.
func TestAudit(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	output, code := a.run(t, a.exemptOne("deny"))
	want := a.shop + ": Deployment \"web\"\n" +
		"  denied: imageTag: spec.template.spec.containers[0].image: "
	if code != 1 || !strings.HasPrefix(output, want) || strings.Count(output, "denied: ") != 1 || strings.Contains(output, a.outside) ||
		!strings.Contains(output, ": its new Pods are denied (workloads.hookstrap.dev)\n") ||
		!strings.Contains(output, "\n7 objects judged: something of 1 owner is denied, 0 warnings, 2 exemptions; the server is not asked about ") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	if output, code := a.run(t, a.exemptOne("warn")); code != 0 || !strings.Contains(output, "0 owners is denied, 1 warning") {
		t.Errorf("with warnings, exit code %d:\n%s", code, output)
	}
	output, code = a.run(t, a.exemptOne("deny"), "-o", "json")
	var report auditreport.Report
	must(t, json.Unmarshal([]byte(output), &report))
	if code != 1 || report.DeniedOwners != 1 || report.Owners[0].Findings[0].Effect != audit.PodsDenied || len(report.Unjudged) > 0 {
		t.Errorf("exit code %d: %+v", code, report)
	}
	if output, code := a.run(t, "{}", "--webhook-configuration=validating/none"); code != 2 || output != "" {
		t.Errorf("without a webhook configuration, exit code %d:\n%s", code, output)
	}
}

// TestAuditWithoutRights: what may not be listed is said, and the rest is judged.
func TestAuditWithoutRights(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	for i, rule := range a.role.Rules {
		if rule.APIGroups[0] == "apps" {
			a.role.Rules[i].Resources = []string{"deployments", "replicasets"}
		}
	}
	_, err := a.admin.RbacV1().ClusterRoles().Update(t.Context(), a.role, metav1.UpdateOptions{})
	must(t, err)
	var output string
	var code int
	clustertest.Eventually(t, func(context.Context) error {
		if output, code = a.run(t, a.exemptOne("deny")); !strings.Contains(output, "not judged: not all daemonsets.apps are judged: ") {
			return fmt.Errorf("it is not said that DaemonSets are not judged:\n%s", output)
		}
		return nil
	})
	if code != 1 || !strings.Contains(output, "is forbidden") || !strings.Contains(output, `Deployment "web"`) {
		t.Errorf("exit code %d:\n%s", code, output)
	}
	if output, code := a.run(t, a.exemptOne("warn")); code != 2 {
		t.Errorf("with warnings, exit code %d:\n%s", code, output)
	}
	output, code = a.run(t, "{imageTag: {mode: off}, podSecurity: {mode: off}, replicaLimits: {min: 2}, requiredLabels: {labels: [{key: team}]}}")
	if code != 1 || strings.Count(output, "not judged by replicaLimits") != 1 || !strings.Contains(output, "requiredLabels: ") {
		t.Errorf("with a check that cannot look anything up, exit code %d:\n%s", code, output)
	}
}

// TestAuditPages: small pages are read to the end, and each object once.
func TestAuditPages(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	large, once := a.results(t, audit.DefaultPageSize)
	small, often := a.results(t, 2)
	if diff := cmp.Diff(large, small); diff != "" || len(large) != 7 || often <= once {
		t.Errorf("%d results by %d requests (-500 +2):\n%s", len(large), often, diff)
	}
}

// results are those of the objects that were judged, and how many requests they took.
func (a *audited) results(t *testing.T, pageSize int64) (results []string, requests int64) {
	t.Helper()
	var lists atomic.Int64
	cfg := shared.Config()
	entries, err := audit.Entries(t.Context(), cfg, a.configuration)
	must(t, err)
	cfg.Wrap(func(inner http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			lists.Add(1)
			return inner.RoundTrip(r)
		})
	})
	auditor, err := audit.New(audit.Options{
		Config: cfg, Configuration: config.Default(check.Definitions()), Asked: entries, PageSize: pageSize,
	})
	must(t, err)
	for result, err := range auditor.Run(t.Context()) {
		must(t, err)
		if result.Left == "" {
			results = append(results, fmt.Sprintf("%+v %d findings", result.Object, len(result.Findings)))
		}
	}
	return results, lists.Load()
}
