// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	reviewv1 "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handlertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// mutationFiles are tests of a handler in files, with the configuration that they are for: two mutations are applied, and
// one only tells.
const mutationFiles = "pkg/handlertest/testdata"

// TestMutations: the real server changes objects by the MutatingWebhookConfiguration of the component. Both
// configurations have failurePolicy Fail, and the API server takes a patch in an answer of /validate for a failure: what is
// admitted shows that there is none.
func TestMutations(t *testing.T) {
	t.Parallel()
	s := startMutating(t)
	t.Run("a Pod", func(t *testing.T) {
		pod, err := createGood(t.Context(), s)
		must(t, err)
		wantMutated(t, pod, "app")
	})
	t.Run("a Pod that a check denies", func(t *testing.T) {
		_, err := s.Admin.CoreV1().Pods(s.Target).Create(t.Context(), site.Pod(site.BadImage), metav1.CreateOptions{})
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "imageTag") {
			t.Errorf("got %v, want it denied by imageTag", err)
		}
	})
	t.Run("what a handler alone does", func(t *testing.T) {
		handlertest.ExpectFiles(t, filepath.Join(site.Root(), mutationFiles), handlertest.Server(shared.Config(), s.Target))
	})
	t.Run("fields of a custom resource", func(t *testing.T) { wantSpecKept(t, s) })
	// The last, as it stays until the test ends.
	t.Run("what another webhook adds", func(t *testing.T) {
		startInjector(t, s)
		clustertest.Eventually(t, func(ctx context.Context) error {
			pod, err := createGood(ctx, s, metav1.DryRunAll)
			if err == nil && len(pod.Spec.Containers) != 2 {
				err = fmt.Errorf("the other webhook is not asked yet: %v", pod.Spec.Containers)
			}
			return err
		})
		pod, err := createGood(t.Context(), s)
		must(t, err)
		wantMutated(t, pod, "app", "injected")
	})
}

// createGood creates a Pod that the checks admit.
func createGood(ctx context.Context, s *site.Site, dryRun ...string) (*corev1.Pod, error) {
	return s.Admin.CoreV1().Pods(s.Target).Create(ctx, site.Pod(site.GoodImage), metav1.CreateOptions{DryRun: dryRun})
}

// wantMutated wants what the configuration of mutationFiles says of a Pod with these containers.
func wantMutated(t *testing.T, pod *corev1.Pod, names ...string) {
	t.Helper()
	if pod.Labels["cost-center"] != "unassigned" {
		t.Errorf("the labels are %v", pod.Labels)
	}
	var got []string
	for _, c := range pod.Spec.Containers {
		got = append(got, c.Name)
		if c.SecurityContext == nil || c.SecurityContext.Capabilities == nil ||
			!slices.Equal(c.SecurityContext.Capabilities.Drop, []corev1.Capability{"ALL"}) {
			t.Errorf("container %s has the security context %v", c.Name, c.SecurityContext)
		}
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if profile := pod.Spec.SecurityContext.SeccompProfile; profile != nil {
		t.Errorf("mutation defaultSeccompProfile, which is in mode warn, has set %v", profile)
	}
}

// startMutating runs the real server with the configuration of mutationFiles until the API server asks it.
func startMutating(t *testing.T) *site.Site {
	t.Helper()
	s := site.New(t, shared, site.Options{Edit: allowMutating})
	configureMutating(t, s, "manifests/components/mutations/mutatingwebhookconfiguration.yaml")
	program, err := binary()
	must(t, err)
	config := filepath.Join(site.Root(), mutationFiles, "config", "checks.yaml")
	server := startBinary(t, s, program, "--webhook-configuration=mutating/"+s.Configuration, "--config="+config,
		"--health-probe-bind-address=0")
	clustertest.Eventually(t, func(ctx context.Context) error {
		pod, err := createGood(ctx, s, metav1.DryRunAll)
		if err == nil && len(pod.Labels) == 0 {
			err = fmt.Errorf("the Pod is not changed: %v", pod.ObjectMeta)
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, server.Log())
		}
		return err
	})
	return s
}

// allowMutating gives the server the rights to its MutatingWebhookConfiguration.
func allowMutating(shipped *site.Shipped) {
	for i, rule := range shipped.ClusterRole.Rules {
		if slices.Contains(rule.Resources, "validatingwebhookconfigurations") {
			shipped.ClusterRole.Rules[i].Resources = append(rule.Resources, "mutatingwebhookconfigurations")
		}
	}
}

// configureMutating installs the configuration in a file of the repository for the Target namespace, and for widgets.
func configureMutating(t *testing.T, s *site.Site, file string) {
	t.Helper()
	var c admissionv1.MutatingWebhookConfiguration
	text, err := os.ReadFile(filepath.Join(site.Root(), file))
	must(t, err)
	must(t, yaml.UnmarshalStrict(text, &c))
	c.ObjectMeta = metav1.ObjectMeta{Name: s.Configuration}
	webhook := &c.Webhooks[0]
	webhook.ClientConfig.Service.Name, webhook.ClientConfig.Service.Namespace = site.Service, s.Namespace
	webhook.ClientConfig.Service.Port = new(int32(s.Port)) // #nosec G115 -- a port.
	webhook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.Target}}
	webhook.MatchConditions = nil
	widgets := *webhook.Rules[0].DeepCopy()
	widgets.APIGroups, widgets.Resources = []string{s.Namespace + ".example.com"}, []string{"widgets"}
	webhook.Rules = append(webhook.Rules, widgets)
	installMutating(t, s, &c)
}

func installMutating(t *testing.T, s *site.Site, c *admissionv1.MutatingWebhookConfiguration) {
	t.Helper()
	configurations := s.Admin.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := configurations.Create(t.Context(), c, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = configurations.Delete(context.WithoutCancel(t.Context()), c.Name, metav1.DeleteOptions{})
	})
}

// startInjector runs a webhook that is asked after ours, by its name, and adds a container to Pods that do not have it.
// The API server then asks ours again.
func startInjector(t *testing.T, s *site.Site) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review reviewv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		review.Response = &reviewv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if !bytes.Contains(review.Request.Object.Raw, []byte(`"injected"`)) {
			review.Response.PatchType = new(reviewv1.PatchTypeJSONPatch)
			review.Response.Patch = fmt.Appendf(nil,
				`[{"op": "add", "path": "/spec/containers/-", "value": {"name": "injected", "image": %q}}]`, site.GoodImage)
		}
		review.Request = nil
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	rule := admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}}
	installMutating(t, s, &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.Configuration + "-z"},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "injector.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionv1.SideEffectClassNone),
			ClientConfig: admissionv1.WebhookClientConfig{URL: &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules:             []admissionv1.RuleWithOperations{{Operations: []admissionv1.OperationType{admissionv1.Create}, Rule: rule}},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.Target}},
		}},
	})
}

// wantSpecKept wants a label on a custom resource, and nothing else to change, of whose fields no Go type knows.
func wantSpecKept(t *testing.T, s *site.Site) {
	t.Helper()
	client, err := dynamic.NewForConfig(shared.Config())
	must(t, err)
	group := s.Namespace + ".example.com"
	create(t, client.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}), fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, group))
	spec := map[string]any{"large": int64(9007199254740993), "list": []any{int64(2), int64(1), map[string]any{}}, "empty": ""}
	widget := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group + "/v1", "kind": "Widget", "metadata": map[string]any{"name": "web"}, "spec": spec,
	}}
	widgets := client.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: "widgets"})
	clustertest.Eventually(t, func(ctx context.Context) error { // The API server may not serve it yet.
		created, err := widgets.Namespace(s.Target).Create(ctx, widget, metav1.CreateOptions{})
		if err == nil {
			widget = created
		}
		return err
	})
	if got := widget.GetLabels()["cost-center"]; got != "unassigned" {
		t.Errorf("the labels are %v", widget.GetLabels())
	}
	if diff := cmp.Diff(spec, widget.Object["spec"]); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}
