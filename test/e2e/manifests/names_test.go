// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/internal/inforce"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// renamed is what a user writes to install under another name, and what the objects are called then.
type renamed struct {
	kustomization   string
	namespace, name string
	secret          string
}

// clean is what the ConfigMap of the component deny-when-clean is called then.
func (r renamed) clean() string { return strings.Replace(r.secret, "-ca", "-clean", 1) }

func renamings() map[string]renamed {
	return map[string]renamed{
		"as shipped": {"", namespace, name, "hookstrap-ca"},
		"namespace":  {"namespace: policy\n", "policy", name, "hookstrap-ca"},
		"prefix":     {"namePrefix: team-\n", namespace, "team-hookstrap", "team-hookstrap-ca"},
		"all": {"namespace: policy\nnamePrefix: team-\nnameSuffix: -b\n", "policy", "team-hookstrap-b",
			"team-hookstrap-ca-b"},
	}
}

// `namespace:`, `namePrefix:` and `nameSuffix:` reach everything that names an object of ours, also where kustomize by
// itself does not look: arguments, environment, RBAC rules, and the namespaces that the webhook is not asked about.
func TestNamesFollow(t *testing.T) {
	c := clustertest.Start(t)
	for title, names := range renamings() {
		for _, what := range []string{".", "overlays/all-checks", "overlays/deny-when-clean", overlay} {
			t.Run(title+"/"+what, func(t *testing.T) {
				wantFollowed(t, renderedObjects(t, c, fmt.Sprintf("resources: [MANIFESTS/%s]\n%s", what, names.kustomization)), names)
			})
		}
		for _, what := range []string{"cabundle-only", "trust-bundle"} {
			t.Run(title+"/components/"+what, func(t *testing.T) {
				objects := renderedObjects(t, c, fmt.Sprintf("resources: [below]\ncomponents: [MANIFESTS/components/%s]\n", what),
					"resources: [MANIFESTS]\n"+names.kustomization)
				wantFollowed(t, objects, names)
			})
		}
	}
}

// The overlay of docs/install.md does what it says, and its label tells its Pods from those of another install.
func TestInstallPageRenames(t *testing.T) {
	text, err := site.Block("docs/install.md", "# renamed/kustomization.yaml\n")
	if err != nil {
		t.Fatal(err)
	}
	o := renderedObjects(t, clustertest.Start(t), strings.Replace(text, "- manifests\n", "- MANIFESTS\n", 1))
	wantFollowed(t, o, renamed{"", "policy", "team-hookstrap", "team-hookstrap-ca"})
	pods := labels.Set(one[appsv1.Deployment](t, o).Spec.Template.Labels)
	selector := labels.Set(one[corev1.Service](t, o).Spec.Selector)
	if !selector.AsSelector().Matches(pods) || selector["app.kubernetes.io/instance"] != "team" {
		t.Errorf("the Service selects %v, the Pods have %v", selector, pods)
	}
}

func wantFollowed(t *testing.T, o objects, names renamed) {
	t.Helper()
	if names.namespace != namespace && strings.Contains(o.text, namespace) {
		t.Errorf("something is still about %s:\n%s", namespace, linesWith(o.text, namespace))
	}
	wantOneNamespace(t, o, names)
	wantOwnNamespaceLeftOut(t, o, names)
	wantArguments(t, o, names)
	wantRulesAbout(t, o, names)
	wantBound(t, o, names)
	wantInForceFollows(t, o, names)
}

func wantOneNamespace(t *testing.T, o objects, names renamed) {
	t.Helper()
	for _, object := range o.all {
		kind := object.GetObjectKind().GroupVersionKind().Kind
		accessor, err := meta.Accessor(object)
		if err != nil {
			t.Fatal(err)
		}
		want := names.namespace
		if slices.Contains(clusterScoped, kind) || strings.HasPrefix(kind, "ValidatingAdmissionPolicy") {
			want = ""
		}
		if got := accessor.GetNamespace(); got != want {
			t.Errorf("%s %s is in namespace %q, want %q", kind, accessor.GetName(), got, want)
		}
		if kind == "Namespace" && accessor.GetName() != names.namespace {
			t.Errorf("the Namespace is %s, want %s", accessor.GetName(), names.namespace)
		}
		if kind == "Secret" {
			t.Error("there is a Secret in the manifests")
		}
	}
}

func wantOwnNamespaceLeftOut(t *testing.T, o objects, names renamed) {
	t.Helper()
	for _, webhook := range one[admissionv1.ValidatingWebhookConfiguration](t, o).Webhooks {
		if ref := webhook.ClientConfig.Service; ref.Name != names.name || ref.Namespace != names.namespace {
			t.Errorf("%s calls Service %s/%s", webhook.Name, ref.Namespace, ref.Name)
		}
		selector, err := metav1.LabelSelectorAsSelector(webhook.NamespaceSelector)
		if err != nil {
			t.Fatal(err)
		}
		for ns, want := range map[string]bool{names.namespace: false, "kube-system": false, "kube-node-lease": false, "shop": true} {
			if got := selector.Matches(labels.Set{corev1.LabelMetadataName: ns}); got != want {
				t.Errorf("%s is asked about namespace %s: %t", webhook.Name, ns, got)
			}
		}
	}
}

func wantArguments(t *testing.T, o objects, names renamed) {
	t.Helper()
	c := one[appsv1.Deployment](t, o).Spec.Template.Spec.Containers[0]
	if got := valueOf(c.Args, "--webhook-configuration"); got != names.name {
		t.Errorf("the server keeps the caBundle of configuration %q, want %q", got, names.name)
	}
	if got := valueOf(c.Args, "--ca-secret-name"); got != names.secret {
		t.Errorf("the server keeps its CA in Secret %q, want %q", got, names.secret)
	}
	if got := valueOf(c.Args, "--clean-configmap-name"); got != "" && got != names.clean() {
		t.Errorf("the server keeps where checks warn in ConfigMap %q, want %q", got, names.clean())
	}
	for _, env := range c.Env {
		if env.Name == "SERVICE_NAME" && env.Value != names.name {
			t.Errorf("SERVICE_NAME is %q, want %q", env.Value, names.name)
		}
	}
	if got := one[corev1.Service](t, o).Name; got != names.name {
		t.Errorf("the Service is %s, want %s", got, names.name)
	}
}

func valueOf(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

func wantRulesAbout(t *testing.T, o objects, names renamed) {
	t.Helper()
	bundle := trust.BundleName(signer.BuiltIn, types.NamespacedName{Namespace: names.namespace, Name: names.name})
	for resource, want := range map[string]string{
		"validatingwebhookconfigurations": names.name, "services": names.name, "secrets": names.secret,
		"clustertrustbundles": bundle, "configmaps": names.clean(), "clusterroles": strings.Replace(names.secret, "-ca", "-in-force", 1),
		"clusterrolebindings": strings.Replace(names.secret, "-ca", "-in-force", 1),
	} {
		rules := slices.Concat(one[rbacv1.ClusterRole](t, o).Rules, one[rbacv1.Role](t, o).Rules)
		for _, rule := range rules {
			if slices.Equal(rule.ResourceNames, []string{signer.RootCAConfigMapName}) {
				continue // It has that name in every namespace.
			}
			if slices.Contains(rule.Resources, resource) && len(rule.ResourceNames) > 0 && !slices.Equal(rule.ResourceNames, []string{want}) {
				t.Errorf("the rule for %s is about %v, want %s", resource, rule.ResourceNames, want)
			}
		}
	}
}

// wantInForceFollows: the server writes the binding that is installed, has the rights to, and every entry asks for what
// the role of the binding has.
func wantInForceFollows(t *testing.T, o objects, names renamed) {
	t.Helper()
	want := strings.Replace(names.secret, "-ca", "-in-force", 1)
	var role *rbacv1.ClusterRole
	for _, object := range o.all {
		switch object := object.(type) {
		case *rbacv1.ClusterRole:
			if object.Name == want {
				role = object
			}
		case *rbacv1.ClusterRoleBinding:
			if object.RoleRef.Name == want && (object.Name != want || len(object.Subjects) > 0) {
				t.Errorf("the binding to %s is %s, with the subjects %v", want, object.Name, object.Subjects)
			}
		}
	}
	if got := valueOf(one[appsv1.Deployment](t, o).Spec.Template.Spec.Containers[0].Args, "--in-force-binding"); got != want {
		t.Errorf("the server writes ClusterRoleBinding %q, want %q", got, want)
	}
	if role == nil || len(role.Rules) != 1 {
		t.Fatalf("there is no ClusterRole %s with one rule", want)
	}
	asked := fmt.Sprintf("authorizer.serviceAccount(%q, %q).group(%q).resource(%q).name(%q) .check(%q).allowed()",
		inforce.Subject().Namespace, inforce.Subject().Name, role.Rules[0].APIGroups[0], role.Rules[0].Resources[0],
		role.Rules[0].ResourceNames[0], role.Rules[0].Verbs[0])
	for _, webhook := range one[admissionv1.ValidatingWebhookConfiguration](t, o).Webhooks {
		if len(webhook.MatchConditions) != 1 || webhook.MatchConditions[0].Expression != asked {
			t.Errorf("%s asks for %v, want %s", webhook.Name, webhook.MatchConditions, asked)
		}
	}
}

func wantBound(t *testing.T, o objects, names renamed) {
	t.Helper()
	account := one[corev1.ServiceAccount](t, o)
	clusterWide, local := one[rbacv1.ClusterRoleBinding](t, o), one[rbacv1.RoleBinding](t, o)
	for _, subject := range slices.Concat(clusterWide.Subjects, local.Subjects) {
		if subject.Name != account.Name || subject.Namespace != names.namespace {
			t.Errorf("the rights are %s/%s's, want %s/%s's", subject.Namespace, subject.Name, names.namespace, account.Name)
		}
	}
	if clusterWide.RoleRef.Name != one[rbacv1.ClusterRole](t, o).Name || local.RoleRef.Name != one[rbacv1.Role](t, o).Name {
		t.Errorf("the bindings are to %s and %s", clusterWide.RoleRef.Name, local.RoleRef.Name)
	}
	if got := one[appsv1.Deployment](t, o).Spec.Template.Spec.ServiceAccountName; got != account.Name {
		t.Errorf("the Pods run as %s, want %s", got, account.Name)
	}
	for _, object := range o.all {
		policy, isPolicy := object.(*admissionv1.ValidatingAdmissionPolicy)
		want := fmt.Sprintf("%q", "system:serviceaccount:"+names.namespace+":"+account.Name+":")
		if isPolicy && !strings.Contains(policy.Spec.MatchConditions[0].Expression, want) {
			t.Errorf("the policy is about %s, want %s", policy.Spec.MatchConditions[0].Expression, want)
		}
	}
}

// objects are what a kustomization renders to.
type objects struct {
	text string
	all  []runtime.Object
}

// one is the only object of its kind, besides those that put the entries in force.
func one[T any](t *testing.T, o objects) *T {
	t.Helper()
	var found []*T
	for _, object := range o.all {
		accessor, err := meta.Accessor(object)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(accessor.GetName(), "-in-force") {
			continue // See wantInForceFollows.
		}
		if typed, ok := object.(any).(*T); ok {
			found = append(found, typed)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d objects of type %T, want 1", len(found), new(T))
	}
	return found[0]
}

func linesWith(text, part string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// renderedObjects renders a kustomization, and in its directory "below" another one. MANIFESTS stands for our directory.
func renderedObjects(t *testing.T, c *cluster.Cluster, kustomization string, below ...string) objects {
	t.Helper()
	out, err := c.Kubectl(t.Context(), "kustomize", kustomizationIn(t, kustomization, below...)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	rendered := objects{text: string(out)}
	for document := range strings.SplitSeq(rendered.text, "\n---\n") {
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%v: %s", err, document)
		}
		rendered.all = append(rendered.all, object)
	}
	return rendered
}

func kustomizationIn(t *testing.T, kustomization string, below ...string) string {
	t.Helper()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	directory := top
	for _, text := range append([]string{kustomization}, below...) {
		relative, err := filepath.Rel(directory, here)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(directory, "kustomization.yaml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "MANIFESTS", relative)), 0o600); err != nil {
			t.Fatal(err)
		}
		directory = filepath.Join(directory, "below")
	}
	return top
}
