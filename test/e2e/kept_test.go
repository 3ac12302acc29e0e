// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// awaitFailures waits until the server has failed n times.
func awaitFailures(t *testing.T, server *site.Server, n float64) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if got := server.Failures(t); got < n {
			return fmt.Errorf("%g failures, want %g", got, n)
		}
		return nil
	})
}

func wantOneRequest(t *testing.T, s *site.Site) {
	t.Helper()
	if got := requestsOf(t, s); len(got) != 1 {
		t.Errorf("%d CertificateSigningRequests, want 1: %q", len(got), got)
	}
}

// TestIssuedCertificateWaitsForItsCA: no one has to approve a second request because the CA file was not complete.
func TestIssuedCertificateWaitsForItsCA(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	signs, other := newTestCA(t, "signs"), newTestCA(t, "other")
	newExternalSigner(t, s, signs)
	file := newCAFile(t, other)
	server := s.Start(t, withCAFile(t, s, file))
	awaitFailures(t, server, 3)
	wantOneRequest(t, s)
	file.write(t, bundleOf(other, signs).PEM())
	server.AwaitReady(t)
	wantOneRequest(t, s)
	wantAdmission(t, s)
}

// TestRenewGivesUpACertificateThatWaits: who asks for a renewal gets a new request.
func TestRenewGivesUpACertificateThatWaits(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	wrong, right := newTestCA(t, "wrong"), newTestCA(t, "right")
	signs := newExternalSigner(t, s, wrong)
	server := s.Start(t, withCAFile(t, s, newCAFile(t, right)))
	awaitFailures(t, server, 2)
	signs.ca.Store(right)
	server.Renew()
	server.AwaitReady(t)
	if got := requestsOf(t, s); len(got) != 2 {
		t.Errorf("%d CertificateSigningRequests, want 2: %q", len(got), got)
	}
}

// TestCertificateFromTheFutureIsWaitedFor: the signer's clock is ahead by more than is tolerated.
func TestCertificateFromTheFutureIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	ca := newTestCA(t, "ahead")
	const tolerated = time.Minute
	go answerWith(t, s, altered(t, ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(tolerated + 4*time.Second) }))
	server := s.Start(t, withCAFile(t, s, newCAFile(t, ca)))
	awaitFailures(t, server, 1)
	clustertest.Eventually(t, func(context.Context) error {
		if server.Leaf() == nil {
			return fmt.Errorf("no certificate: %w", server.Readyz(request(t)))
		}
		return nil
	})
	wantOneRequest(t, s)
}

// approval is the rule that a server which approves its own requests needs.
func approval() rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{"certificates.k8s.io"},
		Resources: []string{"certificatesigningrequests/approval"}, Verbs: []string{"update"}}
}

// mayNotApprove is a server that may create requests but not approve them, after a few attempts.
func mayNotApprove(t *testing.T) (*site.Site, *site.Server) {
	t.Helper()
	s := site.New(t, shared, site.Options{Edit: func(shipped *site.Shipped) {
		shipped.ClusterRole.Rules = slices.DeleteFunc(shipped.ClusterRole.Rules, func(rule rbacv1.PolicyRule) bool {
			return describeRule(rule) == describeRule(approval())
		})
	}})
	server := s.Start(t, s.BootstrapOptions(t))
	awaitFailures(t, server, 3)
	wantOneRequest(t, s)
	return s, server
}

// TestRequestIsApprovedAtTheNextAttempt: an approval that is refused leaves one request behind, however often it is
// tried, and that one is approved once it may be.
func TestRequestIsApprovedAtTheNextAttempt(t *testing.T) {
	t.Parallel()
	s, server := mayNotApprove(t)
	role := s.ClusterRole()
	role.Rules = append(role.Rules, approval())
	_, err := s.Admin.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{})
	must(t, err)
	server.AwaitReady(t)
	wantOneRequest(t, s)
	wantAdmission(t, s)
}

// TestSomebodyElseApprovesTheRequest: a person may do what the server may not.
func TestSomebodyElseApprovesTheRequest(t *testing.T) {
	t.Parallel()
	s, server := mayNotApprove(t)
	approve(t, s, onlyRequest(t, s))
	server.AwaitReady(t)
	wantOneRequest(t, s)
}
