// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handlertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestExampleAdapted: webhooks that were written for controller-runtime are asked by the API server, with no manager and
// no configuration file: a validator, a defaulter, and an http.Handler. The objects whose caBundle is kept are the
// program's own.
func TestExampleAdapted(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Configuration: "adapted", Edit: func(shipped *site.Shipped) {
		allowMutating(shipped)
		entries := shipped.Configuration.Webhooks
		entries[0].Rules = []admissionv1.RuleWithOperations{{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Delete},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}}
		entry := *entries[0].DeepCopy()
		entry.Name, entry.Rules[0].Resources = "configmaps.example.com", []string{"configmaps"}
		entry.ClientConfig.Service.Path = new("/validate--v1-configmap")
		shipped.Configuration.Webhooks = []admissionv1.ValidatingWebhook{entries[0], entry}
	}})
	configureMutating(t, s, "manifests/components/mutations/mutatingwebhookconfiguration.yaml")
	server := startServe(t, s, compiled(t, ".", "./examples/adapted"), "--health-probe-bind-address=0")
	pods, maps := s.Admin.CoreV1().Pods(s.Target), s.Admin.CoreV1().ConfigMaps(s.Target)
	forbidden := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "forbidden"}}
	clustertest.Eventually(t, func(ctx context.Context) error {
		pod, err := createOwned(ctx, s, metav1.DryRunAll)
		if err == nil && pod.Labels["team"] != "none" {
			err = fmt.Errorf("the labels are %v", pod.Labels)
		}
		if err == nil {
			_, denied := maps.Create(ctx, forbidden, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			err = wantRefusal(denied, "the name is forbidden")
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, server.Log())
		}
		return err
	})
	_, err := pods.Create(t.Context(), site.Pod(site.GoodImage), metav1.CreateOptions{})
	must(t, wantRefusal(err, "owner: the Pod has no label owner"))
	pod, err := createOwned(t.Context(), s)
	must(t, err)
	pod.Labels["owner"] = "team-b"
	_, err = pods.Update(t.Context(), pod, metav1.UpdateOptions{})
	must(t, wantRefusal(err, "owner: the label owner cannot be changed"))
	_, err = s.Admin.CoreV1().Pods(s.Target).Patch(t.Context(), pod.Name, "application/merge-patch+json",
		[]byte(`{"metadata":{"labels":{"keep":"yes"}}}`), metav1.PatchOptions{})
	must(t, err)
	must(t, wantRefusal(pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{}), "owner: the Pod has the label keep"))
}

// TestExampleMutation: what the example's files say is what the API server does with them.
func TestExampleMutation(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Configuration: "example-mutation", Edit: func(shipped *site.Shipped) {
		allowMutating(shipped)
		shipped.Configuration.Webhooks = nil // It has no checks.
	}})
	configureMutating(t, s, "examples/mutation/webhook.yaml")
	server := startServe(t, s, compiled(t, ".", "./examples/mutation"), "--health-probe-bind-address=0")
	clustertest.Eventually(t, func(ctx context.Context) error {
		if _, err := createGood(ctx, s, metav1.DryRunAll); err != nil {
			return fmt.Errorf("%w\n%s", err, server.Log())
		}
		return nil
	})
	handlertest.ExpectFiles(t, filepath.Join(site.Root(), "examples/mutation/testdata"), handlertest.Server(shared.Config(), s.Target))
	wantAskedAboutPods(t, s, server)
}

// wantAskedAboutPods: by the configuration that the command manifest prints, the API server asks about what the mutation looks
// at. Once no server is there, that is refused, and nothing else is.
func wantAskedAboutPods(t *testing.T, s *site.Site, server *process.Server) {
	t.Helper()
	pod, err := createGood(t.Context(), s)
	must(t, err)
	server.Kill()
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := createGood(ctx, s, metav1.DryRunAll)
		return wantRefusal(err, "failed calling webhook")
	})
	labeled := pod.DeepCopy()
	labeled.Labels = map[string]string{"a": "b"}
	pods := s.Admin.CoreV1().Pods(s.Target)
	_, err = pods.Update(t.Context(), labeled, metav1.UpdateOptions{})
	must(t, wantRefusal(err, "failed calling webhook"))
	_, err = pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	must(t, err)
	must(t, pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{}))
	_, err = s.Admin.CoreV1().ConfigMaps(s.Target).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
		metav1.CreateOptions{})
	must(t, err)
}

func createOwned(ctx context.Context, s *site.Site, dryRun ...string) (*corev1.Pod, error) {
	pod := site.Pod(site.GoodImage)
	pod.Labels = map[string]string{"owner": "team-a"}
	return s.Admin.CoreV1().Pods(s.Target).Create(ctx, pod, metav1.CreateOptions{DryRun: dryRun})
}

func wantRefusal(err error, text string) error {
	if err == nil || !strings.Contains(err.Error(), text) {
		return fmt.Errorf("got %w, want it to say %q", err, text)
	}
	return nil
}
