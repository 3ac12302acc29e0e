// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// rights are the rules of all roles in a text of YAML, one a string: group/resource/name verb.
func rights(t *testing.T, text []byte) []string {
	t.Helper()
	found := map[string]bool{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var role rbacv1.ClusterRole // A Role has its rules at the same place.
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return slices.Sorted(maps.Keys(found))
		} else if err != nil {
			t.Fatal(err)
		}
		addRights(found, role.Rules)
	}
}

func addRights(to map[string]bool, rules []rbacv1.PolicyRule) {
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				to[rule.APIGroups[0]+"/"+resource+"/"+strings.Join(rule.ResourceNames, ",")+" "+verb] = true
			}
		}
	}
}

// The manifests allow what is printed for their flags, and besides what only --approve=external needs.
func TestPrintedRulesAreThoseOfTheManifests(t *testing.T) {
	var shipped []byte
	for _, name := range []string{"role.yaml", "clusterrole.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../manifests/base", name))
		if err != nil {
			t.Fatal(err)
		}
		shipped = append(append(shipped, text...), "\n---\n"...)
	}
	flags := []string{"rbac", "--service-name=hookstrap", "--namespace=hookstrap-system", "--webhook-configuration=hookstrap",
		"--in-force-binding=hookstrap-in-force"}
	code, printed, stderr := runSplit(t, flags...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	const requests = "certificates.k8s.io/certificatesigningrequests/ "
	without := slices.DeleteFunc(rights(t, shipped), func(right string) bool {
		return right == requests+"list" || right == requests+"watch"
	})
	if diff := cmp.Diff(without, rights(t, []byte(printed))); diff != "" {
		t.Errorf("what rbac prints is not what the manifests have (-manifests +printed):\n%s", diff)
	}
	if strings.Contains(printed, "creationTimestamp") {
		t.Errorf("printed fields without a value:\n%s", printed)
	}
	code, printed, stderr = runSplit(t, append(flags, "--approve=external", "--object-events")...)
	if got := rights(t, []byte(printed)); code != 0 || !slices.Contains(got, requests+"watch") || strings.Count(printed, "[events]") != 2 ||
		slices.Contains(got, "certificates.k8s.io/signers/hookstrap.dev/serving approve") {
		t.Errorf("exit code %d, %s, for an external approver: %q", code, stderr, got)
	}
}

func TestRulesFollowTheFlags(t *testing.T) {
	checks := filepath.Join(t.TempDir(), "checks.yaml")
	configuration := "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n" +
		"  imageTag: {mode: deny, exempt: {namespaceSelector: {matchLabels: {a: b}}}}\n"
	if err := os.WriteFile(checks, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	code, printed, stderr := runSplit(t, "rbac", "--service-name=hook", "--namespace=shop", "--service-account=runner",
		"--name=hook-rights", "--webhook-configuration=mutating/a,crd/b.example.com", "--publish-trust-bundle",
		"--config="+checks)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	got := rights(t, []byte(printed))
	for _, want := range []string{
		"admissionregistration.k8s.io/mutatingwebhookconfigurations/a patch",
		"apiextensions.k8s.io/customresourcedefinitions/b.example.com patch",
		"certificates.k8s.io/clustertrustbundles/hookstrap.dev:serving:hook.shop.svc patch",
		"certificates.k8s.io/signers/hookstrap.dev/serving attest",
		"/secrets/hook-ca update", "/services/hook watch", "/namespaces/ list",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
	for text, times := range map[string]int{"name: hook-rights": 6, "- kind: ServiceAccount\n  name: runner\n  namespace: shop": 2} {
		if got := strings.Count(printed, text); got != times {
			t.Errorf("%q is there %d times, want %d:\n%s", text, got, times, printed)
		}
	}
}

func TestRulesNeedNames(t *testing.T) {
	t.Setenv("SERVICE_NAME", "")
	t.Setenv("POD_NAMESPACE", "")
	code, _, stderr := runSplit(t, "rbac")
	for _, want := range []string{"--service-name ($SERVICE_NAME)", "--namespace ($POD_NAMESPACE)", "--webhook-configuration"} {
		if code != 2 || !strings.Contains(stderr, want+" is missing") {
			t.Errorf("exit code %d, %q; want 2 and %s in it", code, stderr, want)
		}
	}
}

// What is printed for the mode denyWhenClean is what its component adds to the manifests, and with the rules of all checks
// what it adds to them.
func TestRulesForDenyWhenClean(t *testing.T) {
	const component = "../../manifests/components/deny-when-clean/"
	added := func(files ...string) []string {
		found := map[string]bool{}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join("../../manifests/components", file))
			if err != nil {
				t.Fatal(err)
			}
			var steps []struct{ Value rbacv1.PolicyRule }
			if err := sigsyaml.Unmarshal(text, &steps); err != nil {
				t.Fatal(err)
			}
			for _, step := range steps {
				addRights(found, []rbacv1.PolicyRule{step.Value})
			}
		}
		return slices.Sorted(maps.Keys(found))
	}
	printed := func(args ...string) []string {
		flags := []string{"rbac", "--service-name=hookstrap", "--namespace=hookstrap-system"}
		if !slices.Contains(args, "--webhook-configuration=none") {
			flags = append(flags, "--webhook-configuration=hookstrap")
		}
		code, printed, stderr := runSplit(t, append(flags, args...)...)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		return rights(t, []byte(printed))
	}
	without := printed()
	beyond := func(args ...string) []string {
		return slices.DeleteFunc(printed(args...), func(right string) bool { return slices.Contains(without, right) })
	}
	want := added("deny-when-clean/role-patch.yaml", "deny-when-clean/clusterrole-patch.yaml")
	if diff := cmp.Diff(want, beyond("--config="+component+"checks.yaml")); diff != "" {
		t.Errorf("for the component (-manifests +printed):\n%s", diff)
	}
	const reads = "admissionregistration.k8s.io/validatingwebhookconfigurations/hookstrap get"
	if got := printed("--config="+component+"checks.yaml", "--webhook-configuration=none"); !slices.Contains(got, reads) {
		t.Errorf("if something else keeps the caBundle, %q is missing in %q", reads, got)
	}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "/hookstrap-clean ", "/other ")
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, beyond("--config="+component+"checks.yaml", "--clean-configmap-name=other")); diff != "" {
		t.Errorf("for another name (-want +printed):\n%s", diff)
	}
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration,
		metadata: {name: a}, webhooks: [{name: a.example.com, rules: [{apiGroups: ["", example.com], apiVersions: [v1],
		resources: [services, services/status, "*/*"], operations: [CREATE]}, {apiGroups: [""], apiVersions: [v1],
		resources: [secrets], operations: [DELETE]}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got := beyond("--config="+component+"checks.yaml", "--asked-by="+rules)
	for right, wanted := range map[string]bool{
		"/services/ list": true, "example.com/*/ list": true, "/*/ list": true, "/services/status/ list": false,
		"/secrets/ list": false,
		"/pods/ list":    false, "apps/replicasets/ list": true, "apps/deployments/ list": false,
	} {
		if slices.Contains(got, right) != wanted {
			t.Errorf("%q is there: %t, want %t: %q", right, !wanted, wanted, got)
		}
	}
	code, _, stderr := runSplit(t, "rbac", "--asked-by="+component+"checks.yaml")
	if code != 2 || !strings.Contains(stderr, "--asked-by") {
		t.Errorf("exit code %d: %s for a file without a webhook configuration", code, stderr)
	}
}
