// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// denial is what every refusal of the policy says.
const denial = "changes nothing but caBundle values"

// guard installs the component cabundle-only as kustomize renders it for the site's namespace, under names of the site,
// and waits until the API server has heard of it.
func guard(t *testing.T, s *site.Site) {
	t.Helper()
	policy, binding := renderGuard(t, s)
	account := policy.Spec.MatchConditions[0].Expression
	if !strings.Contains(account, `"system:serviceaccount:`+s.Namespace+`:hookstrap:"`) {
		t.Errorf("the policy is about %s", account)
	}
	policy.Name, binding.Name, binding.Spec.PolicyName = s.Namespace, s.Namespace, s.Namespace
	admission := s.Admin.AdmissionregistrationV1()
	created, err := admission.ValidatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{})
	must(t, err)
	_, err = admission.ValidatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = admission.ValidatingAdmissionPolicyBindings().Delete(ctx, s.Namespace, metav1.DeleteOptions{})
		_ = admission.ValidatingAdmissionPolicies().Delete(ctx, s.Namespace, metav1.DeleteOptions{})
	})
	attempts := 0
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := admission.ValidatingAdmissionPolicies().Get(ctx, created.Name, metav1.GetOptions{})
		if err != nil || live.Status.TypeChecking == nil {
			return fmt.Errorf("the policy has not been checked yet: %w", errOrNil(err))
		}
		for _, warning := range live.Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s", warning.FieldRef, warning.Warning)
		}
		attempts++ // A value that is there by now would change nothing, and be let in.
		err = stolen(ctx, t, s, fmt.Sprintf(`{"metadata":{"labels":{"probe":"n%d"}}}`, attempts))
		if err == nil || !strings.Contains(err.Error(), denial) {
			return fmt.Errorf("the policy is not in force yet: %w", errOrNil(err))
		}
		return nil
	})
}

// renderGuard has kubectl put the site's namespace where the component reads it.
func renderGuard(
	t *testing.T, s *site.Site,
) (*admissionv1.ValidatingAdmissionPolicy, *admissionv1.ValidatingAdmissionPolicyBinding) {
	t.Helper()
	directory := t.TempDir()
	below := filepath.Join(directory, "below")
	must(t, os.Mkdir(below, 0o700))
	manifests, err := filepath.Rel(directory, filepath.Join(site.Root(), "manifests"))
	must(t, err)
	write := func(file, text string) { must(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(filepath.Join(below, "kustomization.yaml"), fmt.Sprintf("resources: [../%s/base]\nnamespace: %s\n", manifests,
		s.Namespace))
	write(filepath.Join(directory, "kustomization.yaml"), fmt.Sprintf("resources: [below]\ncomponents: "+
		"[%s/components/cabundle-only]\n", manifests))
	cmd := s.Cluster.Kubectl(t.Context(), "kustomize", "--load-restrictor=LoadRestrictionsNone", directory)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	policy, binding := &admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(out)))
	buffer := make([]byte, 1<<20)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return policy, binding
		}
		must(t, err)
		switch text := buffer[:n]; {
		case bytes.Contains(text, []byte("\nkind: ValidatingAdmissionPolicy\n")):
			must(t, yaml.UnmarshalStrict(text, policy))
		case bytes.Contains(text, []byte("\nkind: ValidatingAdmissionPolicyBinding\n")):
			must(t, yaml.UnmarshalStrict(text, binding))
		}
	}
}

// stolen patches the configuration with the token of the site's ServiceAccount, and returns what the API server says.
func stolen(ctx context.Context, t *testing.T, s *site.Site, patch string) error {
	t.Helper()
	client, err := kubernetes.NewForConfig(s.Config(t))
	must(t, err)
	_, err = client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(ctx, s.Configuration,
		types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// overwrite applies a changed copy of the whole configuration with the token: whatever of it a patch could change.
func overwrite(t *testing.T, s *site.Site, change func(*admissionv1.ValidatingWebhookConfiguration)) error {
	t.Helper()
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	before := live.DeepCopy()
	change(live)
	if equality.Semantic.DeepEqual(before, live) {
		t.Error("the change changes nothing")
	}
	to, err := json.Marshal(live)
	must(t, err)
	client, err := kubernetes.NewForConfig(s.Config(t))
	must(t, err)
	_, err = client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), s.Configuration,
		types.MergePatchType, to, metav1.PatchOptions{})
	return err
}

// forbiddenChanges are what a thief would do, or anybody could.
func forbiddenChanges() map[string]func(*admissionv1.ValidatingWebhookConfiguration) {
	type configuration = admissionv1.ValidatingWebhookConfiguration
	changes := map[string]func(*configuration){
		"an entry more": func(c *configuration) {
			entry := c.Webhooks[0].DeepCopy()
			entry.Name = "thief.example.com"
			c.Webhooks = append(c.Webhooks, *entry)
		},
		"an entry less":        func(c *configuration) { c.Webhooks = c.Webhooks[1:] },
		"another order":        func(c *configuration) { c.Webhooks[0], c.Webhooks[1] = c.Webhooks[1], c.Webhooks[0] },
		"another entry's name": func(c *configuration) { c.Webhooks[0].Name = "thief.example.com" },
		"a label":              func(c *configuration) { c.Labels = map[string]string{"any": "thing"} },
		"an annotation":        func(c *configuration) { c.Annotations = map[string]string{"any": "thing"} },
		"a finalizer":          func(c *configuration) { c.Finalizers = []string{"example.com/never"} },
		"an owner": func(c *configuration) {
			c.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: "gone", UID: "gone"}}
		},
	}
	for what, change := range map[string]func(*admissionv1.ValidatingWebhook){
		"a URL": func(w *admissionv1.ValidatingWebhook) {
			w.ClientConfig.Service, w.ClientConfig.URL = nil, new("https://thief.invalid")
		},
		"another Service": func(w *admissionv1.ValidatingWebhook) { w.ClientConfig.Service.Name = "thief" },
		"another path":    func(w *admissionv1.ValidatingWebhook) { w.ClientConfig.Service.Path = new("/other") },
		"another port":    func(w *admissionv1.ValidatingWebhook) { w.ClientConfig.Service.Port = new(int32(1)) },
		"other rules":     func(w *admissionv1.ValidatingWebhook) { w.Rules[0].Resources = []string{"secrets"} },
		"a failurePolicy": func(w *admissionv1.ValidatingWebhook) { w.FailurePolicy = new(admissionv1.Ignore) },
		"a matchPolicy":   func(w *admissionv1.ValidatingWebhook) { w.MatchPolicy = new(admissionv1.Exact) },
		"sideEffects": func(w *admissionv1.ValidatingWebhook) {
			w.SideEffects = new(admissionv1.SideEffectClassNoneOnDryRun)
		},
		"a namespaceSelector": func(w *admissionv1.ValidatingWebhook) {
			w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"no": "where"}}
		},
		"an objectSelector": func(w *admissionv1.ValidatingWebhook) {
			w.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"no": "thing"}}
		},
		"a matchCondition": func(w *admissionv1.ValidatingWebhook) {
			w.MatchConditions = []admissionv1.MatchCondition{{Name: "never", Expression: "false"}}
		},
		"a timeout":        func(w *admissionv1.ValidatingWebhook) { w.TimeoutSeconds = new(int32(1)) },
		"a review version": func(w *admissionv1.ValidatingWebhook) { w.AdmissionReviewVersions = []string{"v1", "v1beta1"} },
	} {
		changes[what] = func(c *configuration) { change(&c.Webhooks[len(c.Webhooks)-1]) }
	}
	return changes
}

// theirs is the entry of a thief. It matches nothing, for a test.
const theirs = `{"name":"thief.example.com","sideEffects":"None","admissionReviewVersions":["v1"],
	"failurePolicy":"Ignore","clientConfig":{"url":"https://thief.invalid/secret-path"}}`

// TestStolenTokenIsSeen: RBAC lets the token add an entry; an event and a metric tell of it, once for each change.
func TestStolenTokenIsSeen(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, withEvents(t, s))
	server.AwaitReady(t)
	must(t, stolen(t.Context(), t, s, `{"webhooks":[`+theirs+`]}`))
	event := awaitEvent(t, s, "ForeignWebhookEntry", corev1.EventTypeWarning)
	if want := "thief.example.com calls https://thief.invalid)"; !strings.Contains(event.Message, want) {
		t.Errorf("the event lacks %q: %s", want, event.Message)
	}
	counted := func(want float64) {
		t.Helper()
		clustertest.Eventually(t, func(context.Context) error {
			if n := server.Value(t, "hookstrap_webhook_entries_foreign", "false", "validating", s.Configuration); n != want {
				return fmt.Errorf("%g foreign entries are counted, want %g", n, want)
			}
			return nil
		})
	}
	counted(1)
	must(t, stolen(t.Context(), t, s, `{"metadata":{"labels":{"another":"change"}}}`))
	must(t, stolen(t.Context(), t, s, `{"webhooks":[{"name":"thief.example.com","$patch":"delete"}]}`))
	counted(0)
	if event = awaitEvent(t, s, "ForeignWebhookEntry", corev1.EventTypeWarning); event.Count != 1 {
		t.Errorf("it was told of %d times, want once", event.Count)
	}
}

// TestSharedConfigurationIsCountedOnly: where others' entries are expected there is no event.
func TestSharedConfigurationIsCountedOnly(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	must(t, stolen(t.Context(), t, s, `{"webhooks":[`+theirs+`]}`))
	options := withEvents(t, s)
	options.SharedConfigurations = true
	server := s.Start(t, options)
	server.AwaitReady(t)
	if n := server.Value(t, "hookstrap_webhook_entries_foreign", "true", "validating", s.Configuration); n != 1 {
		t.Errorf("%g foreign entries are counted, want 1", n)
	}
	awaitEvent(t, s, "CertificateServed", corev1.EventTypeNormal)
	if events, err := eventsOf(t.Context(), s, "ForeignWebhookEntry"); err != nil || len(events) > 0 {
		t.Errorf("events %v, %v", events, err)
	}
}

// TestPolicyLeavesTheTokenTheCABundle: with the component, the token changes no other field, while the server fills,
// heals and rotates the caBundle through it, also in a configuration of many entries.
func TestPolicyLeavesTheTokenTheCABundle(t *testing.T) {
	t.Parallel()
	clustertest.Since(t, shared, 30, "ValidatingAdmissionPolicy v1")
	s := site.New(t, shared, site.Options{Edit: func(shipped *site.Shipped) {
		for i := range 300 {
			entry := shipped.Configuration.Webhooks[0].DeepCopy()
			entry.Name = fmt.Sprintf("entry-%d.hookstrap.dev", i)
			shipped.Configuration.Webhooks = append(shipped.Configuration.Webhooks, *entry)
		}
	}})
	guard(t, s)
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	strike(t, s)
	lookUntilRepaired(t, s)
	rotate(t, s, []*site.Server{server}, "through the policy")
	if failures := server.Failures(t); failures > 0 {
		t.Errorf("%g failures were counted", failures)
	}

	for what, change := range forbiddenChanges() {
		if err := overwrite(t, s, change); err == nil || !strings.Contains(err.Error(), denial) {
			t.Errorf("%s: %v, want a denial by the policy", what, err)
		}
	}
	// Others are not asked about.
	_, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), s.Configuration,
		types.StrategicMergePatchType, []byte(`{"webhooks":[`+theirs+`]}`), metav1.PatchOptions{})
	must(t, err)
	wantAdmission(t, s)
}
