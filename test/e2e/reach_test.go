// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestEveryNameOfOurs: a configuration whose entries call the server by URL, by a host's name and by an address, and
// through a second Service is filled like any other, when the names are in the certificate. An entry for another host is
// left alone.
func TestEveryNameOfOurs(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	second := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "second"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
		Ports: []corev1.ServicePort{{Port: int32(s.Port)}}, // #nosec G115 -- a port.
	}}
	_, err := s.Admin.CoreV1().Services(s.Namespace).Create(t.Context(), second, metav1.CreateOptions{})
	must(t, err)
	createReaching(t, s, map[string]admissionv1.WebhookClientConfig{
		"address": {URL: new(fmt.Sprintf("https://127.0.0.1:%d/validate", s.Port))},
		"host":    {URL: new(fmt.Sprintf("https://localhost:%d/validate", s.Port))},
		"second": {Service: &admissionv1.ServiceReference{
			Namespace: s.Namespace, Name: "second", Path: new("/validate"), Port: new(int32(s.Port))}}, // #nosec G115 -- a port.
		"foreign": {URL: new("https://elsewhere.invalid/validate")},
	})
	options := s.BootstrapOptions(t)
	options.ExtraSANs = []string{"localhost", "127.0.0.1", "second." + s.Namespace + ".svc"}
	server := s.Start(t, options)
	server.AwaitReady(t)
	wantAdmission(t, s)
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	for _, webhook := range live.Webhooks {
		bundle, err := trust.ParseBundle(webhook.ClientConfig.CABundle)
		if foreign := strings.HasPrefix(webhook.Name, "foreign"); err != nil || bundle.Empty() != foreign {
			t.Errorf("%s has the caBundle %q", webhook.Name, webhook.ClientConfig.CABundle)
		}
	}
	if n := server.Value(t, "hookstrap_webhook_entries_foreign", "false", "validating", s.Configuration); n != 1 {
		t.Errorf("%g foreign entries are counted, want 1", n)
	}
}

// createReaching creates the site's configuration with an entry for each client configuration, which is asked about the
// Pods of the target namespace; the one called foreign about none.
func createReaching(t *testing.T, s *site.Site, configs map[string]admissionv1.WebhookClientConfig) {
	t.Helper()
	configuration := s.Local(s.Shipped.Configuration)
	pods := configuration.Webhooks[0]
	configuration.Webhooks = nil
	for name, config := range configs {
		entry := *pods.DeepCopy()
		entry.Name, entry.ClientConfig = name+".hookstrap.dev", config
		if name == "foreign" {
			entry.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"no": "namespace"}}
		}
		configuration.Webhooks = append(configuration.Webhooks, entry)
	}
	configurations := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := configurations.Create(t.Context(), configuration, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = configurations.Delete(context.WithoutCancel(t.Context()), s.Configuration, metav1.DeleteOptions{})
	})
}
