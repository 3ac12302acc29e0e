// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestQuotaIsNoMissingRule: a ResourceQuota leaves no room for the Secret of the CA.
func TestQuotaIsNoMissingRule(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	quotas := s.Admin.CoreV1().ResourceQuotas(s.Namespace)
	none := corev1.ResourceList{"count/secrets": resource.MustParse("0")}
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "few"}, Spec: corev1.ResourceQuotaSpec{Hard: none},
	}, metav1.CreateOptions{})
	must(t, err)
	client := mustClient(t, s.Config(t))
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := client.CoreV1().Secrets(s.Namespace).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "probe"},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil || !strings.Contains(err.Error(), "exceeded quota") {
			return fmt.Errorf("the quota is not in force yet: %w", errOrNil(err))
		}
		return nil
	})
	server := s.Start(t, s.BootstrapOptions(t))
	saysOfRefusal(t, server, `the ResourceQuota "few" is used up`, "exceeded quota: few, requested: count/secrets=1")
	if server.Value(t, "hookstrap_bootstrap_failures_total", "Quota", "authority") == 0 {
		t.Error("no failure is counted for the reason Quota")
	}
	must(t, quotas.Delete(t.Context(), "few", metav1.DeleteOptions{}))
	waitReady(t, s, server)
}

// TestPolicyIsNoMissingRule: a ValidatingAdmissionPolicy denies the request, or the write of the caBundle, with each of
// the reasons that it may have.
func TestPolicyIsNoMissingRule(t *testing.T) {
	t.Parallel()
	clustertest.Since(t, shared, 30, "ValidatingAdmissionPolicy v1")
	requests := admissionv1.Rule{APIGroups: []string{"certificates.k8s.io"}, APIVersions: []string{"*"},
		Resources: []string{"certificatesigningrequests"}}
	configurations := admissionv1.Rule{APIGroups: []string{"admissionregistration.k8s.io"}, APIVersions: []string{"*"},
		Resources: []string{"validatingwebhookconfigurations"}}
	for name, tc := range map[string]struct {
		about  admissionv1.Rule
		reason metav1.StatusReason
	}{
		"request":                      {requests, metav1.StatusReasonForbidden},
		"request, TooLarge":            {requests, metav1.StatusReasonRequestEntityTooLarge},
		"configuration":                {configurations, metav1.StatusReasonForbidden},
		"configuration, Invalid":       {configurations, metav1.StatusReasonInvalid},
		"configuration, default words": {configurations, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			forbid(t, s, tc.about, tc.reason)
			server := s.Start(t, s.BootstrapOptions(t))
			saysOfRefusal(t, server, fmt.Sprintf("the ValidatingAdmissionPolicy %q (binding %q) denied it", s.Namespace,
				s.Namespace), "ask the platform team")
		})
	}
}

// forbid has a policy deny what the site's ServiceAccount writes, and waits until it does.
func forbid(t *testing.T, s *site.Site, about admissionv1.Rule, reason metav1.StatusReason) {
	t.Helper()
	validation := admissionv1.Validation{Expression: "false", Message: "ask the platform team"}
	if reason != "" {
		validation.Reason = &reason
	}
	admission := s.Admin.AdmissionregistrationV1()
	_, err := admission.ValidatingAdmissionPolicies().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: s.Namespace},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{Rule: about, Operations: []admissionv1.OperationType{"*"}},
			}}},
			MatchConditions: []admissionv1.MatchCondition{{Name: "ours", Expression: fmt.Sprintf(
				"request.userInfo.username == 'system:serviceaccount:%s:%s'", s.Namespace, site.ServiceAccount)}},
			Validations: []admissionv1.Validation{validation},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = admission.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.Namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: s.Namespace,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = admission.ValidatingAdmissionPolicyBindings().Delete(ctx, s.Namespace, metav1.DeleteOptions{})
		_ = admission.ValidatingAdmissionPolicies().Delete(ctx, s.Namespace, metav1.DeleteOptions{})
	})
	client := mustClient(t, s.Config(t))
	dry := []string{metav1.DryRunAll}
	attempts := 0
	clustertest.Eventually(t, func(ctx context.Context) error {
		attempts++
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{"probe":"n%d"}}}`, attempts)
		_, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(ctx, s.Configuration,
			types.MergePatchType, patch, metav1.PatchOptions{DryRun: dry})
		if about.Resources[0] == "certificatesigningrequests" {
			_, err = client.CertificatesV1().CertificateSigningRequests().Create(ctx, (&authorities{Site: s}).draft(t, "probe.example"),
				metav1.CreateOptions{DryRun: dry})
		}
		if err == nil || !strings.Contains(err.Error(), "ask the platform team") {
			return fmt.Errorf("the policy is not in force yet: %w", errOrNil(err))
		}
		return nil
	})
}

// TestTokenIsNoMissingRule: a token that the API server does not accept.
func TestTokenIsNoMissingRule(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	good := options.RESTConfig.BearerToken
	file := filepath.Join(t.TempDir(), "token")
	bad := good[:len(good)-16] + strings.Repeat("A", 16) // Another signature.
	must(t, os.WriteFile(file, []byte(bad), 0o600))
	options.RESTConfig.BearerToken, options.RESTConfig.BearerTokenFile = "", file
	server := s.Start(t, options)
	account := fmt.Sprintf("system:serviceaccount:%s:%s", s.Namespace, site.ServiceAccount)
	saysOfRefusal(t, server, "does not accept our credentials", "the token in "+file+" is of", account,
		"although it expires only at")
	if err := server.Readyz(request(t)); err != nil && strings.Contains(err.Error(), bad[:32]) {
		t.Error("the token is shown")
	}
}

// TestWrongNames: the rules are there, and what we were told does not match them.
func TestWrongNames(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  func(*bootstrap.Options, *site.Site)
		want func(*site.Site) string
	}{
		"Service": {
			func(o *bootstrap.Options, _ *site.Site) { o.Service = "hookstrp" },
			func(*site.Site) string {
				return `for services the rules name "hookstrap" instead of "hookstrp", see --service-name`
			},
		},
		"configuration": {
			func(o *bootstrap.Options, s *site.Site) { o.WebhookConfigurations[0].Name = s.Configuration + "x" },
			func(s *site.Site) string {
				return fmt.Sprintf("for validatingwebhookconfigurations the rules name %q instead of %q, see "+
					"--webhook-configuration", s.Configuration, s.Configuration+"x")
			},
		},
		"signer": {
			func(o *bootstrap.Options, _ *site.Site) { o.SignerName = "hookstrap.dev/servin" },
			func(s *site.Site) string {
				return fmt.Sprintf(`for signers the rules name %q instead of "hookstrap.dev/servin", see --signer-name`,
					s.SignerName)
			},
		},
		"namespace": {
			func(o *bootstrap.Options, s *site.Site) { o.Namespace = s.Target },
			func(s *site.Site) string {
				return fmt.Sprintf(`the token is of ServiceAccount "hookstrap" of namespace %q, and --namespace is %q`, s.Namespace,
					s.Target)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			options := s.BootstrapOptions(t)
			tc.err(&options, s)
			server := s.Start(t, options)
			clustertest.Eventually(t, func(context.Context) error { return notReadyFor(t, server, tc.want(s)) })
		})
	}
}

// TestAllMissingRulesAtOnce: the first refusal names every rule that is missing, and asks about them once.
func TestAllMissingRulesAtOnce(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Edit: func(shipped *site.Shipped) {
		shipped.Role.Rules = shipped.Role.Rules[1:] // May not create Secrets.
		kept := shipped.ClusterRole.Rules[:0]
		for _, rule := range shipped.ClusterRole.Rules {
			if verb := rule.Verbs[0]; verb != "sign" && verb != "patch" {
				kept = append(kept, rule)
			}
		}
		shipped.ClusterRole.Rules = kept
	}})
	options := s.BootstrapOptions(t)
	var reviews, refused atomic.Int32
	options.RESTConfig = counting(options.RESTConfig, &reviews, &refused)
	server := s.Start(t, options)
	saysOnly := func(context.Context) error {
		return errors.Join(
			notReadyFor(t, server, `{apiGroups: [""], resources: [secrets], verbs: [create]} in namespace `+s.Namespace),
			notReadyFor(t, server, fmt.Sprintf("resources: [signers], resourceNames: [%s], verbs: [sign]}", s.SignerName)),
			notReadyFor(t, server, fmt.Sprintf("resources: [validatingwebhookconfigurations], resourceNames: [%s], "+
				"verbs: [patch]}", s.Configuration)))
	}
	clustertest.Eventually(t, saysOnly)
	asked := reviews.Load()
	clustertest.Eventually(t, func(context.Context) error {
		if n := refused.Load(); n < 4 {
			return fmt.Errorf("%d requests were refused", n)
		}
		return nil
	})
	if asked == 0 || reviews.Load() != asked {
		t.Errorf("rights were asked about %d times and then %d more, want no more", asked, reviews.Load()-asked)
	}
	if err := server.Readyz(request(t)); err == nil || strings.Contains(err.Error(), "verbs: [get") {
		t.Errorf("%v: names rules that are there", err)
	}

	// Where no rule is missing, no right is asked about.
	good := site.New(t, shared, site.Options{})
	reviews.Store(0)
	options = good.BootstrapOptions(t)
	options.RESTConfig = counting(options.RESTConfig, &reviews, &refused)
	good.Start(t, options).AwaitReady(t)
	if n := reviews.Load(); n > 0 {
		t.Errorf("rights were asked about %d times without a refusal", n)
	}
}

func counting(cfg *rest.Config, reviews, refused *atomic.Int32) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "selfsubject") {
				reviews.Add(1)
			}
			response, err := next.RoundTrip(r)
			if err == nil && response.StatusCode == http.StatusForbidden {
				refused.Add(1)
			}
			return response, err
		})
	})
	return cfg
}

// saysOfRefusal waits until readiness says all of it, and wants no advice to grant something.
func saysOfRefusal(t *testing.T, server *site.Server, want ...string) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		var missing []error
		for _, words := range want {
			missing = append(missing, notReadyFor(t, server, words))
		}
		return errors.Join(missing...)
	})
	err := server.Readyz(request(t))
	for _, untrue := range []string{"grant", "correct the fields"} {
		if err != nil && strings.Contains(err.Error(), untrue) {
			t.Errorf("the advice is not true: %v", err)
		}
	}
}

func notReadyFor(t *testing.T, server *site.Server, words string) error {
	t.Helper()
	if err := server.Readyz(request(t)); err == nil || !strings.Contains(err.Error(), words) {
		return fmt.Errorf("readiness says %w, want %q", errOrNil(err), words)
	}
	return nil
}
