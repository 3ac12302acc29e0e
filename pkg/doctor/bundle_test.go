// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// The command that writes a caBundle names the entry of the list that lacks it.
func TestFixNamesTheEntry(t *testing.T) {
	t.Parallel()
	url := "https://example.com/"
	service := &admissionregistrationv1.ServiceReference{Namespace: "shop", Name: "web"}
	for name, entries := range map[string][]doctor.Entry{
		"validating": doctor.FromValidating(&admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Webhooks: []admissionregistrationv1.ValidatingWebhook{
				{Name: "a.example.com", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url}},
				{Name: "b.example.com", ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: service}},
			},
		}),
		"mutating": doctor.FromMutating(&admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Webhooks: []admissionregistrationv1.MutatingWebhook{
				{Name: "a.example.com", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url}},
				{Name: "b.example.com", ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: service}},
			},
		}),
	} {
		// The Services may not be read, so that the caBundle is judged all the same.
		report := doctor.Examine(&doctor.Facts{
			Now: time.Now(), Entries: entries, All: entries, Unread: []doctor.Unread{{Resource: "services"}},
		})
		found := ""
		for _, f := range report.Findings {
			if f.ID == doctor.IDBundleMissing {
				found += f.Fix
			}
		}
		want := "&& test -n \"$ca\" && kubectl patch " + name + `webhookconfiguration shop --type=json -p '[{"op":"add","path":"/webhooks/1/clientConfig/caBundle"`
		if strings.Count(found, "kubectl") != 1 || !strings.Contains(found, want) {
			t.Errorf("%s: the fix is %q, want %s", name, found, want)
		}
	}
}

// Where cainjector does not fill a caBundle, the command shows what the annotation names.
func TestFixOfAnInjectedBundle(t *testing.T) {
	t.Parallel()
	for annotation, want := range map[string]string{
		"cert-manager.io/inject-ca-from":        "kubectl -n shop get certificate web # ",
		"cert-manager.io/inject-ca-from-secret": "kubectl -n shop get secret web -o yaml # ",
		"cert-manager.io/inject-apiserver-ca":   "kubectl -n cert-manager logs deploy/cert-manager-cainjector",
		"example.com/other":                     "have a controller fill it, such as cert-manager with the annotation",
	} {
		entries := doctor.FromValidating(&admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: map[string]string{annotation: "shop/web"}},
			Webhooks: []admissionregistrationv1.ValidatingWebhook{{Name: "a.example.com",
				ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
					Namespace: "shop", Name: "web"}}}},
		})
		report := doctor.Examine(&doctor.Facts{
			Now: time.Now(), Entries: entries, All: entries, Unread: []doctor.Unread{{Resource: "services"}},
		})
		got := ""
		for _, f := range report.Findings {
			if f.ID == doctor.IDBundleMissing {
				got = f.Fix
			}
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: the fix is %q, want %q", annotation, got, want)
		}
	}
}
