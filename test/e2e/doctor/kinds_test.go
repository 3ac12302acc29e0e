// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// apply makes an object of YAML, and deletes it when the test is over.
func apply(t *testing.T, object string) {
	t.Helper()
	for _, verb := range []string{"create", "delete"} {
		run := func(ctx context.Context) {
			cmd := shared.plane.Kubectl(ctx, verb, "-f", "-")
			cmd.Stdin = strings.NewReader(object)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("kubectl %s: %v: %s", verb, err, out)
			}
		}
		if verb == "create" {
			run(t.Context())
		} else {
			t.Cleanup(func() { run(context.WithoutCancel(t.Context())) })
		}
	}
}

// TestOtherKinds: conversions and extension API servers are judged as webhooks are.
func TestOtherKinds(t *testing.T) {
	t.Parallel()
	const apiService = "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.%[1]s.example.com}\n" +
		"spec: {group: %[1]s.example.com, version: v1, groupPriorityMinimum: 1, versionPriority: 1, %[2]s, " +
		"service: {namespace: %[1]s, name: %[3]s, port: 8443}}\n"
	const crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: oxen.%[1]s.example.com}\n" +
		"spec:\n  group: %[1]s.example.com\n  scope: Cluster\n  names: {plural: oxen, singular: ox, kind: Ox}\n" +
		"  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]\n" +
		"  conversion:\n    strategy: Webhook\n    webhook:\n      conversionReviewVersions: [v1]\n" +
		"      clientConfig: {%[2]s service: {namespace: %[1]s, name: %[3]s, port: 8443}}\n"
	for name, tt := range map[string]struct {
		object, target, bundle, service string
		want                            []string
	}{
		"APIService without verification": {apiService, "apiservice/v1.", "insecureSkipTLSVerify: true", "web", []string{"tls-not-verified"}},
		"APIService without a CA":         {apiService, "apiservice/v1.", "insecureSkipTLSVerify: false", "web", []string{"ca-bundle-missing"}},
		"APIService without a Service":    {apiService, "apiservice/v1.", "insecureSkipTLSVerify: true", "none", []string{"service-missing"}},
		"APIService with a line break":    {apiService, "apiservice/v1.", "caBundle: Cg==", "web", []string{"ca-bundle-unusable"}},
		"conversion without a CA":         {crd, "crd/oxen.", "", "web", []string{"ca-bundle-missing"}},
		"conversion without a Service":    {crd, "crd/oxen.", "", "none", []string{"service-missing"}},
		"conversion with a line break":    {crd, "crd/oxen.", "caBundle: Cg==,", "web", []string{"ca-bundle-unusable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.build(t)
			apply(t, fmt.Sprintf(tt.object, p.ns, tt.bundle, tt.service))
			wantFindings(t, tt.want, "--webhook-configuration="+tt.target+p.ns+".example.com")
		})
	}
}

// TestTwoManagers: what two field managers have applied is said, with their names.
func TestTwoManagers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.build(t)
	configuration := map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": map[string]any{"name": p.meta.Name},
		"webhooks": []any{map[string]any{"name": p.webhook.Name, "clientConfig": map[string]any{"caBundle": p.webhook.ClientConfig.CABundle}}},
	}
	patch, err := json.Marshal(configuration)
	must(t, err)
	for _, manager := range []string{"helm", "injector"} {
		_, err := shared.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), p.meta.Name,
			types.ApplyPatchType, patch, metav1.PatchOptions{FieldManager: manager, Force: new(true)})
		must(t, err)
	}
	report, _ := examine(t, "--webhook-configuration=validating/"+p.meta.Name)
	if len(report.Findings) != 1 || report.Findings[0].ID != "ca-bundle-two-managers" {
		t.Errorf("found: %+v", report.Findings)
	}
}

// TestMatchCondition: the API server takes a condition that always fails, and refuses every request after that.
func TestMatchCondition(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.webhook.MatchConditions = []admissionregistrationv1.MatchCondition{
		{Name: "team", Expression: "namespaceObject.metadata.labels['team'] == 'a'"},
		{Name: "fine", Expression: `object.metadata.name != "namespaceObject"`},
	}
	p.build(t)
	wantFindings(t, []string{"match-condition-fails"}, "--webhook-configuration=validating/"+p.meta.Name)
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := shared.admin.CoreV1().ConfigMaps(p.ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			GenerateName: "try-"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil || p.calls.Load() > 0 {
			return fmt.Errorf("the API server says %w after %d calls", err, p.calls.Load())
		}
		return nil
	})
}

// TestTimeoutsAddUp counts mutating webhooks one after the other.
func TestTimeoutsAddUp(t *testing.T) {
	p := newPlace(t)
	p.build(t)
	all := shared.admin.AdmissionregistrationV1().MutatingWebhookConfigurations()
	c := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: p.ns}}
	for i := range 5 {
		c.Webhooks = append(c.Webhooks, admissionregistrationv1.MutatingWebhook{
			Name: fmt.Sprintf("w%d.example.com", i), ClientConfig: p.webhook.ClientConfig, TimeoutSeconds: ptr.To[int32](14),
			FailurePolicy: new(admissionregistrationv1.Ignore), SideEffects: p.webhook.SideEffects,
			AdmissionReviewVersions: []string{"v1"}, Rules: []admissionregistrationv1.RuleWithOperations{about("", "pods")},
		})
	}
	_, err := all.Create(t.Context(), c, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() { _ = all.Delete(context.WithoutCancel(t.Context()), c.Name, metav1.DeleteOptions{}) })
	wantFindings(t, []string{"timeouts-add-up"}, "--webhook-configuration=mutating/"+c.Name)
}

// TestRights: what may not be read is said, and the rest is judged. Only the webhook configurations may be read here, so
// that the caBundle is all that there is to judge.
func TestRights(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.webhook.ClientConfig.CABundle = []byte("\n")
	p.build(t)
	kubeconfig := user(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: p.ns},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{"admissionregistration.k8s.io"}, Verbs: []string{"list"},
			Resources: []string{"validatingwebhookconfigurations"}}}})
	clustertest.Eventually(t, func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, shared.program, "doctor", "-o=json", "--kubeconfig="+kubeconfig,
			"--webhook-configuration=validating/"+p.meta.Name).CombinedOutput()
		for _, want := range []string{`"ca-bundle-unusable"`, `"services"`, `"pods"`, "grant the verb list on services"} {
			if !strings.Contains(string(out), want) {
				return fmt.Errorf("it does not say %s: %w:\n%s", want, err, out)
			}
		}
		return nil
	})
}

// TestRole: the role of the page is enough for everything.
func TestRole(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.build(t)
	role := pageRole(t)
	role.Name = p.ns
	kubeconfig := user(t, &role)
	clustertest.Eventually(t, func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, shared.program, "doctor", "--kubeconfig="+kubeconfig,
			"--webhook-configuration=validating/"+p.meta.Name).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "1 handshake made") {
			return fmt.Errorf("%w:\n%s", err, out)
		}
		return nil
	})
}

// TestNoPortForward: a server that may not be reached is said, and is no fault.
func TestNoPortForward(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.build(t)
	role := pageRole(t)
	role.Name, role.Rules = p.ns, role.Rules[:len(role.Rules)-1]
	kubeconfig := user(t, &role)
	clustertest.Eventually(t, func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, shared.program, "doctor", "--kubeconfig="+kubeconfig,
			"--webhook-configuration=validating/"+p.meta.Name).CombinedOutput()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 2 ||
			!strings.Contains(string(out), "not judged: Pod "+p.ns+"/web-1, port 9443 was not reached from here") ||
			!strings.Contains(string(out), "takes the right to create pods/portforward") || strings.Contains(string(out), "grant the verb") {
			return fmt.Errorf("%w:\n%s", err, out)
		}
		return nil
	})
}

// pageRole is the ClusterRole of the page.
func pageRole(t *testing.T) rbacv1.ClusterRole {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(site.Root(), "docs", "doctor.md"))
	must(t, err)
	_, text, _ := strings.Cut(string(page), "```yaml\n# clusterrole.yaml\n")
	text, _, _ = strings.Cut(text, "```")
	var role rbacv1.ClusterRole
	must(t, yaml.UnmarshalStrict([]byte(text), &role))
	return role
}

// user makes a user of the role's name with the role, and returns his kubeconfig.
func user(t *testing.T, role *rbacv1.ClusterRole) string {
	t.Helper()
	ctx, name := t.Context(), role.Name
	_, err := shared.admin.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
	must(t, err)
	_, err = shared.admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}}, metav1.CreateOptions{})
	must(t, err)
	cfg, err := shared.plane.AddUser(name)
	must(t, err)
	kubeconfig, err := shared.plane.WriteKubeconfig(cfg, name)
	must(t, err)
	return kubeconfig
}

// TestText is what a person reads.
func TestText(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.service = nil
	p.build(t)
	out, err := exec.CommandContext(t.Context(), shared.program, "doctor", "--kubeconfig="+shared.plane.Kubeconfig(),
		"--webhook-configuration=validating/"+p.meta.Name).Output()
	if err == nil {
		t.Error("the exit code is 0")
	}
	want := []string{
		`ValidatingWebhookConfiguration "` + p.meta.Name + `"`,
		"  error   service-missing (web.example.com): Service " + p.ns + "/web does not exist",
		"      why: Until it is fixed, every request that its rules match is refused (failurePolicy Fail).",
		"      fix: kubectl -n " + p.ns + " get services # correct the name; or kubectl delete validatingwebhookconfiguration " + p.meta.Name,
		"1 entry of 1 object: 1 error, 0 warnings, 0 for your information; 0 handshakes made", "",
	}
	if got := strings.Split(string(out), "\n"); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", out, strings.Join(want, "\n"))
	}
}
