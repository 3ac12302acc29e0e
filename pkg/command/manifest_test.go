// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
)

// The default checks are asked about what the entries of the base ask about, and the mutations about what that of the
// component does, but for the Pods and Jobs that they do not change.
func TestManifestHasTheRulesOfTheManifests(t *testing.T) {
	var base admissionregistrationv1.ValidatingWebhookConfiguration
	var component admissionregistrationv1.MutatingWebhookConfiguration
	readYAML(t, "../../manifests/base/validatingwebhookconfiguration.yaml", &base)
	readYAML(t, "../../manifests/components/mutations/mutatingwebhookconfiguration.yaml", &component)
	checks, mutations := manifestOf(t, "mutations: {dropCapabilities: {}, defaultTopologySpread: {}}\n", "--service-name=hookstrap")
	var want []string
	for _, webhook := range base.Webhooks {
		want = append(want, flat(webhook.Rules)...)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, flat(checks.Webhooks[0].Rules)); diff != "" {
		t.Errorf("checks (-base +printed):\n%s", diff)
	}
	want = slices.DeleteFunc(flat(component.Webhooks[0].Rules), func(rule string) bool {
		return rule == "UPDATE /v1 pods" || rule == "UPDATE batch/v1 jobs"
	})
	if diff := cmp.Diff(want, flat(mutations.Webhooks[0].Rules)); diff != "" {
		t.Errorf("mutations (-component +printed):\n%s", diff)
	}
	if got, want := mutations.Webhooks[0].ClientConfig.Service, component.Webhooks[0].ClientConfig.Service; *got.Path != *want.Path {
		t.Errorf("mutations are asked for at %s", *got.Path)
	}
}

// What all checks exempt is not asked about, and a failure refuses if a check denies then.
func TestManifestLeavesOutWhatIsExempt(t *testing.T) {
	const checks = "checks:\n  podSecurity: {mode: %s, exempt: {namespaces: [b, a], users: [u, w], groups: [g, h], serviceAccounts: [n/s]}}\n" +
		"  imageTag: {mode: %s, failurePolicy: Ignore, exempt: {namespaces: [a], users: [u, v], groups: [h], serviceAccounts: [n/s]}}\n"
	for mode, policy := range map[string]admissionregistrationv1.FailurePolicyType{
		"deny": admissionregistrationv1.Fail, "warn": admissionregistrationv1.Ignore,
	} {
		printed, _ := manifestOf(t, strings.ReplaceAll(checks, "%s", mode), "--service-name=hook", "--namespace=policy", "--in-force=r",
			"--webhook-configuration=validating/c")
		webhook := printed.Webhooks[0]
		if printed.Name != "c" || *webhook.FailurePolicy != policy {
			t.Errorf("%s: %s has failurePolicy %s, want %s", mode, printed.Name, *webhook.FailurePolicy, policy)
		}
		if got := webhook.NamespaceSelector.MatchExpressions[0].Values; !slices.Equal(got, []string{"kube-system", "kube-node-lease", "policy", "a"}) {
			t.Errorf("%s: left out are %v", mode, got)
		}
		var conditions []string
		for _, c := range webhook.MatchConditions {
			conditions = append(conditions, c.Expression)
		}
		if diff := cmp.Diff([]string{
			`authorizer.serviceAccount("hookstrap", "in-force").group("hookstrap.dev").resource("webhooks").name("r").check("enforce").allowed()`,
			`!(request.userInfo.username in ["system:serviceaccount:n:s", "u"])`,
			`!(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in ["h"]))`,
		}, conditions); diff != "" {
			t.Errorf("%s: conditions (-want +got):\n%s", mode, diff)
		}
	}
}

func TestManifestSaysWhatItCannotTell(t *testing.T) {
	for config, want := range map[string]string{
		"checks: {services: {}, requiredLabels: {labels: [{key: a}]}}":      `cannot tell what ["services" "requiredLabels"] look at`,
		"mutations: {addMetadata: {labels: {a: b}}}":                        `cannot tell what ["addMetadata"] look at`,
		"checks: {podSecurity: {mode: \"off\"}, imageTag: {mode: \"off\"}}": "no check and no mutation is on",
	} {
		code, _, stderr := withMutations(t, "manifest", "--service-name=hook", "--config="+configFile(t, config+"\n"))
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q; want %q", config, code, stderr, want)
		}
	}
	none := []string{"manifest", "--service-name=hook", "--webhook-configuration=none"}
	if code, _, stderr := withMutations(t, none...); code != 2 || !strings.Contains(stderr, "of which nothing is printed") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if code, _, stderr := withMutations(t, "manifest"); code != 2 || !strings.Contains(stderr, "--service-name is missing") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

// Checks with which a program does not start have no configuration either.
func TestManifestRefusesWhatDoesNotStart(t *testing.T) {
	of := func(version string) handler.Definition {
		kind := schema.GroupVersionKind{Group: "example.com", Version: version, Kind: "Widget"}
		return handler.Define("own"+version, handler.Doc{}, func() struct{} { return struct{}{} },
			func(struct{}, handler.Environment) (handler.Check, error) {
				return handler.CheckForKind("own"+version, kind,
					func(context.Context, *handler.Request, *metav1.PartialObjectMetadata) []handler.Violation { return nil }), nil
			})
	}
	var errs bytes.Buffer
	code := Run(t.Context(), []string{"manifest", "--service-name=hook", "--config=" + configFile(t, "checks: {ownv1: {}, ownv2: {}}\n")},
		Options{Stdout: io.Discard, Stderr: &errs, Definitions: []handler.Definition{of("v1"), of("v2")}})
	if want := "a program with these does not start: cannot use these checks: "; code != 1 || !strings.Contains(errs.String(), want) {
		t.Errorf("exit code %d, %q; want %q", code, &errs, want)
	}
}

// Kinds with templates of Pods are asked about, in whatever version, if a check looks at templates.
func TestManifestAsksAboutTemplates(t *testing.T) {
	const templates = "podTemplates:\n- {group: argoproj.io, kind: Rollout, path: spec.template}\n"
	want := []string{"CREATE argoproj.io/* rollouts", "UPDATE argoproj.io/* rollouts"}
	for config, want := range map[string][]string{
		"checks: {imageTag: {}}\nmutations: {dropCapabilities: {}}\n":                           want,
		"checks: {imageTag: {}, podSecurity: {}}\n":                                             want,
		"checks: {imageTag: {mode: \"off\"}, podSecurity: {mode: \"off\"}, ownPods: {}}\n":      nil, // which does not look at templates
		"checks: {imageTag: {mode: \"off\"}, podSecurity: {mode: \"off\"}, ownTemplates: {}}\n": want,
	} {
		checks, mutations := manifestOf(t, templates+config, "--service-name=hook")
		var got []string
		for _, rule := range flat(checks.Webhooks[0].Rules) {
			if strings.Contains(rule, "argoproj") {
				got = append(got, rule)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", config, diff)
		}
		for _, webhook := range mutations.Webhooks {
			if rules := strings.Join(flat(webhook.Rules), ", "); strings.Contains(rules, "argoproj") {
				t.Errorf("%s: mutations, which do not change these, are asked about %s", config, rules)
			}
		}
	}
}

// What the program serves at paths of its own is not forgotten.
func TestManifestNamesOtherPaths(t *testing.T) {
	var out, errs bytes.Buffer
	none := http.NotFoundHandler()
	code := Run(t.Context(), []string{"manifest", "--service-name=hook"}, Options{
		Stdout: &out, Stderr: &errs, Definitions: check.Definitions(), Handlers: map[string]http.Handler{"/b": none, "/a": none},
	})
	var printed admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(out.Bytes(), &printed); code != 0 || err != nil || len(printed.Webhooks) != 1 {
		t.Fatalf("exit code %d, %v, %s", code, err, &out)
	}
	if text := out.String(); !strings.HasPrefix(text, "# Warning: the program serves") || !strings.Contains(text, ":\n#   /a\n#   /b\napi") {
		t.Errorf("it prints\n%s", &out)
	}
	if text := errs.String(); !strings.HasPrefix(text, "Warning: ") || !strings.Contains(text, `["/a" "/b"]`) {
		t.Errorf("it warns %q", text)
	}
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "checks.yaml")
	if err := os.WriteFile(file, []byte(head+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// ownChecks are checks of an author, of Pods alone and of templates.
func ownChecks() []handler.Definition {
	none := func() struct{} { return struct{}{} }
	return []handler.Definition{
		handler.Define("ownPods", handler.Doc{}, none, func(struct{}, handler.Environment) (handler.Check, error) {
			return handler.CheckFor("ownPods", func(context.Context, *handler.Request, *corev1.Pod) []handler.Violation { return nil }), nil
		}),
		handler.Define("ownTemplates", handler.Doc{}, none, func(struct{}, handler.Environment) (handler.Check, error) {
			return handler.CheckFor("ownTemplates",
				func(context.Context, *handler.Request, *corev1.PodTemplate) []handler.Violation { return nil }), nil
		}),
	}
}

// manifestOf is what manifest prints with a configuration file.
func manifestOf(t *testing.T, config string, args ...string) (
	checks admissionregistrationv1.ValidatingWebhookConfiguration, mutations admissionregistrationv1.MutatingWebhookConfiguration,
) {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(t.Context(), append([]string{"manifest", "--config=" + configFile(t, config)}, args...), Options{
		Stdout: &out, Stderr: &errs, Definitions: slices.Concat(check.Definitions(), mutation.Definitions(), ownChecks()),
	})
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	for document := range strings.SplitSeq(out.String(), "---\n") {
		var into any = &checks
		if strings.Contains(document, "kind: MutatingWebhookConfiguration") {
			into = &mutations
		}
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Fatalf("%v, in\n%s", err, document)
		}
	}
	return checks, mutations
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatal(err)
	}
}

// flat are rules, one for each operation and resource, in order.
func flat(rules []admissionregistrationv1.RuleWithOperations) []string {
	var all []string
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, operation := range rule.Operations {
				all = append(all, string(operation)+" "+rule.APIGroups[0]+"/"+rule.APIVersions[0]+" "+resource)
			}
		}
	}
	slices.Sort(all)
	return all
}
