// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestOwnSignerName: a webhook calls the built-in signer by a name in a domain of its own, with rules for that name and
// no other. Its requests and its ClusterTrustBundle carry the name, and a server of the usual name has no rights there.
func TestOwnSignerName(t *testing.T) {
	t.Parallel()
	const name = "webhooks.example.com/serving"
	s := publishing(t, name)
	server := startPublishing(t, s)
	renew(t, server)
	list, err := s.Admin.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{
		LabelSelector: csr.LabelNamespace + "=" + s.Namespace})
	must(t, err)
	if len(list.Items) != 2 {
		t.Errorf("%d requests, want 2", len(list.Items))
	}
	for _, item := range list.Items {
		if item.Spec.SignerName != name || len(item.Status.Certificate) == 0 {
			t.Errorf("request %s is for signer %s, want one for %s with a certificate", item.Name, item.Spec.SignerName, name)
		}
	}
	verified := verifies(s, server)
	awaitPublished(t, s, func(live *certificatesv1.ClusterTrustBundle) error {
		if live.Spec.SignerName != name || !strings.HasPrefix(live.Name, "webhooks.example.com:serving:") {
			return fmt.Errorf("ClusterTrustBundle %s is of signer %s", live.Name, live.Spec.SignerName)
		}
		return verified(live)
	})
	if got := server.Failures(t); got > 0 {
		t.Errorf("%g failures, want none", got)
	}
	server.Stop()

	options := s.BootstrapOptions(t)
	options.BuiltInSignerName = ""
	usual := s.Start(t, options)
	clustertest.Eventually(t, func(context.Context) error {
		err := usual.Readyz(request(t))
		if err == nil || !strings.Contains(err.Error(), "resourceNames: ["+signer.BuiltIn+"]") {
			return fmt.Errorf("readiness says %w, want the missing rule for %s", err, signer.BuiltIn)
		}
		return nil
	})
}
