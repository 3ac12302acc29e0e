// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestAlertsReadWhatTheAPIServerCounts: the alerts on the API server's own counters ask for them under their real names
// and labels. No one serves, so that every call fails.
func TestAlertsReadWhatTheAPIServerCounts(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	name := s.Namespace + ".hookstrap.dev" // The counters know a webhook by nothing but its name.
	s.Shipped.Configuration.Webhooks[0].Name = name
	s.CreateConfiguration(t)
	labels := []string{`name="` + name + `"`, `type="validating"`}
	awaitCounter(t, s, "apiserver_admission_webhook_rejection_count{", append(labels, `error_type="calling_webhook_error"`)...)
	setFailurePolicy(t, s, admissionv1.Ignore)
	awaitCounter(t, s, "apiserver_admission_webhook_fail_open_count{", labels...)
}

// awaitCounter has Pods admitted until the API server counts it under that name and with those labels.
func awaitCounter(t *testing.T, s *site.Site, name string, labels ...string) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		outcome := s.Admit(ctx, site.GoodImage)
		metrics, err := s.Admin.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
		if err != nil {
			return err
		}
		if len(lines(string(metrics), append(labels, name)...)) == 0 {
			return fmt.Errorf("no counter %s has the labels %q, only %q; the last Pod: %w", name, labels,
				lines(string(metrics), name, s.Namespace), errOrNil(outcome))
		}
		return nil
	})
}

// lines are those of a text that have all the words.
func lines(text string, words ...string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
	})
}

func setFailurePolicy(t *testing.T, s *site.Site, policy admissionv1.FailurePolicyType) {
	t.Helper()
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	for i := range live.Webhooks {
		live.Webhooks[i].FailurePolicy = &policy
	}
	_, err = s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(t.Context(), live, metav1.UpdateOptions{})
	must(t, err)
}
