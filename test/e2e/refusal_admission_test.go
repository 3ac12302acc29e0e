// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	reviewv1 "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestWebhookIsNoRace: an admission webhook denies the approval with the status code 409, as if another client had written
// first. It is not outrun, and it is named.
func TestWebhookIsNoRace(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	freezeApprovals(t, s)
	server := s.Start(t, s.BootstrapOptions(t))
	saysOfRefusal(t, server, `the admission webhook "frozen.example.com" denied it`, "approvals are frozen")
	if err := server.Readyz(request(t)); err != nil && strings.Contains(err.Error(), "somebody else") {
		t.Errorf("another client is blamed: %v", err)
	}
}

// freezeApprovals has a webhook deny the approvals by the site's ServiceAccount, and waits until it does.
func freezeApprovals(t *testing.T, s *site.Site) {
	t.Helper()
	webhook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review := &reviewv1.AdmissionReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil || review.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		review.Response = &reviewv1.AdmissionResponse{UID: review.Request.UID, Result: &metav1.Status{
			Code: http.StatusConflict, Reason: metav1.StatusReasonConflict, Message: "approvals are frozen"}}
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(webhook.Close)
	account := (&authorities{Site: s}).requester()
	configurations := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	name := s.Namespace + "-frozen"
	_, err := configurations.Create(t.Context(), &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "frozen.example.com", AdmissionReviewVersions: []string{"v1"},
			SideEffects: new(admissionv1.SideEffectClassNone),
			ClientConfig: admissionv1.WebhookClientConfig{
				URL: &webhook.URL, CABundle: encode("CERTIFICATE", webhook.Certificate().Raw)},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Update},
				Rule: admissionv1.Rule{APIGroups: []string{certificatesv1.GroupName}, APIVersions: []string{"v1"},
					Resources: []string{"certificatesigningrequests/approval"}},
			}},
			MatchConditions: []admissionv1.MatchCondition{{Name: "ours",
				Expression: fmt.Sprintf("request.userInfo.username == %q", account)}},
		}},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = configurations.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{})
	})
	requests := mustClient(t, s.Config(t)).CertificatesV1().CertificateSigningRequests()
	probe, err := requests.Create(t.Context(), (&authorities{Site: s}).draft(t, "probe.example"), metav1.CreateOptions{})
	must(t, err)
	probe.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Probe"}}
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := requests.UpdateApproval(ctx, probe.Name, probe, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil || !strings.Contains(err.Error(), "approvals are frozen") {
			return fmt.Errorf("the webhook is not asked yet: %w", errOrNil(err))
		}
		return nil
	})
}

// TestNamespaceIsBeingDeleted: nothing can be created in it, which no rule can change.
func TestNamespaceIsBeingDeleted(t *testing.T) {
	t.Parallel()
	admin := mustClient(t, shared.Config())
	namespace := clustertest.Namespace(t, shared)
	configMaps := admin.CoreV1().ConfigMaps(namespace)
	held, err := configMaps.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/hold"}},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		held.Finalizers = nil
		held.ResourceVersion = ""
		_, _ = configMaps.Update(context.WithoutCancel(t.Context()), held, metav1.UpdateOptions{})
	})
	must(t, admin.CoreV1().Namespaces().Delete(t.Context(), namespace, metav1.DeleteOptions{}))
	a, err := authority.New(authority.Options{
		Client: admin, Namespace: namespace, Service: site.Service,
		Policy: authority.Policy{Requester: authority.ServiceAccountUser(namespace, site.ServiceAccount)},
	})
	must(t, err)
	err = a.Ensure(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the namespace is being deleted") || strings.Contains(err.Error(), "grant") {
		t.Errorf("the CA in a namespace that is being deleted: %v", err)
	}
}

// TestNoCredentials: a request without a token is forbidden to system:anonymous, to whom nothing is to be granted.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	options.RESTConfig = rest.AnonymousClientConfig(shared.Config())
	saysOfRefusal(t, s.Start(t, options), "does not accept our credentials", "the request had none")
}
