// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// replaceService puts another Service in the place of the site's; with nil there is none. It is not called while it has a
// cluster IP: no Pods are made in the namespace that the server is asked about.
func replaceService(t *testing.T, s *site.Site, spec *corev1.ServiceSpec) {
	t.Helper()
	services := s.Admin.CoreV1().Services(s.Namespace)
	if err := services.Delete(t.Context(), site.Service, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if spec == nil {
		return
	}
	_, err := services.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: site.Service}, Spec: *spec}, metav1.CreateOptions{})
	must(t, err)
}

// TestServiceThatCannotBeCalled: the server is not ready, at the start and later, and says what to correct; once it is
// corrected the server is ready.
func TestServiceThatCannotBeCalled(t *testing.T) {
	for name, tc := range map[string]struct {
		spec   *corev1.ServiceSpec
		reason string
	}{
		"missing":  {nil, "does not exist"},
		"headless": {&corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone}, "is headless"},
		"no port":  {&corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}, "(but 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			good, err := s.Admin.CoreV1().Services(s.Namespace).Get(t.Context(), site.Service, metav1.GetOptions{})
			must(t, err)
			replaceService(t, s, tc.spec)
			options := s.BootstrapOptions(t)
			p := startProgram(t, options, bootstrap.ServerOptions{Address: options.SelfAddress})
			webhook := s.Shipped.Configuration.Webhooks[0].Name
			p.awaitNotReady(t, "service: ", webhook, s.Namespace+"/"+site.Service, tc.reason)
			if isClosed(p.Ready()) {
				t.Error("Ready is closed, although the API server cannot call")
			}
			replaceService(t, s, &good.Spec)
			p.awaitReady(t)
			<-p.Ready()
			wantAdmission(t, s)
			replaceService(t, s, tc.spec)
			p.awaitNotReady(t, "service: ", webhook, tc.reason)
			replaceService(t, s, &good.Spec)
			p.awaitReady(t)
		})
	}
}

// TestEntryThatIsLeftWithoutABundle: the API server calls this server by another name, and no one has filled the entry.
func TestEntryThatIsLeftWithoutABundle(t *testing.T) {
	for name, config := range map[string]func(*site.Site) admissionv1.WebhookClientConfig{
		"by url": func(*site.Site) admissionv1.WebhookClientConfig {
			return admissionv1.WebhookClientConfig{URL: new("https://laptop.example.com:8443/validate")}
		},
		"by a second Service": func(s *site.Site) admissionv1.WebhookClientConfig {
			return admissionv1.WebhookClientConfig{
				Service: &admissionv1.ServiceReference{Namespace: s.Namespace, Name: "second"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			options := s.BootstrapOptions(t)
			options.ExtraSANs = []string{"laptop.example.com", "second." + s.Namespace + ".svc"}
			p := startProgram(t, options, bootstrap.ServerOptions{Address: options.SelfAddress})
			p.awaitReady(t)
			forbidPatch(t, s) // Or else the server may fill it.
			bundle := liveBundle(t, s)
			editConfiguration(t, s, func(c *admissionv1.ValidatingWebhookConfiguration) {
				other := c.Webhooks[0].DeepCopy()
				other.Name, other.ClientConfig = "other.example.com", config(s)
				other.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"nobody": "has-it"}}
				c.Webhooks = append(c.Webhooks, *other)
			})
			p.awaitNotReady(t, "trusted: ", "other.example.com")
			editConfiguration(t, s, func(c *admissionv1.ValidatingWebhookConfiguration) {
				c.Webhooks[len(c.Webhooks)-1].ClientConfig.CABundle = bundle
			})
			p.awaitReady(t)
		})
	}
}

func editConfiguration(t *testing.T, s *site.Site, edit func(*admissionv1.ValidatingWebhookConfiguration)) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := s.LiveConfiguration(ctx)
		if err != nil {
			return err
		}
		edit(live)
		_, err = s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(ctx, live, metav1.UpdateOptions{})
		return err
	})
}

// forbidPatch takes the right to write the configuration away, and waits until the API server has heard of it.
func forbidPatch(t *testing.T, s *site.Site) {
	t.Helper()
	role, err := s.Admin.RbacV1().ClusterRoles().Get(t.Context(), s.Configuration, metav1.GetOptions{})
	must(t, err)
	var patch rbacv1.PolicyRule
	for i, rule := range role.Rules {
		if strings.Contains(strings.Join(rule.Resources, " "), "validatingwebhookconfigurations") {
			patch = *rule.DeepCopy()
			patch.Verbs = []string{"patch"}
			role.Rules[i].Verbs = []string{"list", "watch"}
		}
	}
	_, err = s.Admin.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{})
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error {
		if site.Allowed(ctx, s.Admin, s.Namespace, site.ServiceAccount, patch, "") == nil {
			return errors.New("still allowed")
		}
		return nil
	})
}
