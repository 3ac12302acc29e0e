// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestRestartWithAnotherSAN: the stored certificate lacks a name that is asked for now. It serves all the same, for as
// long as the new one is not approved, and the new one replaces it without a failed admission.
func TestRestartWithAnotherSAN(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	options.CertDir = filepath.Join(t.TempDir(), "serving")
	first := s.Start(t, options)
	first.AwaitReady(t)
	stored := first.Leaf()
	first.Stop()

	options.ExtraSANs, options.Approval = []string{"hooks.example.com"}, csr.ApproveExternal
	second := s.Start(t, options)
	second.AwaitReady(t)
	if !second.Leaf().Equal(stored) {
		t.Error("ready with another certificate than the stored one, and nobody has approved one")
	}
	load := startStream(t, s)
	load.atLeast(t, 5)
	approveRequest(t, s, 2)
	awaitNames(t, second, "hooks.example.com", "hookstrap."+s.Namespace+".svc")
	load.atLeast(t, 5)
	load.end(t)
}

// approveRequest waits until the site has so many requests, and approves those that wait for it.
func approveRequest(t *testing.T, s *site.Site, want int) {
	t.Helper()
	requests := s.Admin.CertificatesV1().CertificateSigningRequests()
	clustertest.Eventually(t, func(ctx context.Context) error {
		names := requestsOf(t, s)
		if len(names) != want {
			return fmt.Errorf("%d requests, want %d", len(names), want)
		}
		var faults []error
		for _, name := range names {
			obj, err := requests.Get(ctx, name, metav1.GetOptions{})
			if err != nil || len(obj.Status.Conditions) > 0 {
				faults = append(faults, err)
				continue
			}
			obj.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
				Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "by a test"}}
			_, err = requests.UpdateApproval(ctx, name, obj, metav1.UpdateOptions{})
			faults = append(faults, err)
		}
		return errors.Join(faults...)
	})
}

// TestRestartWithAnotherSigner: the stored certificate serves until its successor is trusted, and then goes, though it
// is good for a year: another signer was asked for.
func TestRestartWithAnotherSigner(t *testing.T) {
	const other = "other.example.com/serving"
	for name, tc := range map[string]struct {
		// from and to are signers; "" is the built-in one.
		from, to string
	}{
		"built-in to external": {"", unattendedSigner},
		"external to built-in": {unattendedSigner, ""},
		// One CA, whose file verifies both: only the note in the directory tells the signers apart.
		"external to external": {unattendedSigner, other},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			ca := newTestCA(t, "external")
			file := newCAFile(t, ca)
			dir := filepath.Join(t.TempDir(), "serving")
			start := func(signerName string) *site.Server {
				options := s.BootstrapOptions(t)
				options.CertDir = dir
				if signerName != "" {
					options.SignerName, options.Approval, options.CAFile = signerName, csr.ApproveExternal, string(file)
				}
				return s.Start(t, options)
			}
			newExternalSigner(t, s, ca)
			first := start(tc.from)
			first.AwaitReady(t)
			stored := first.Leaf()
			first.Stop()

			second := start(tc.to)
			second.AwaitReady(t)
			load := startStream(t, s)
			clustertest.Eventually(t, func(context.Context) error {
				if second.Leaf().Equal(stored) {
					return errors.New("still the certificate of the signer before")
				}
				return nil
			})
			if got := second.Leaf().CheckSignatureFrom(ca.certificate) == nil; got != (tc.to != "") {
				t.Errorf("by the external CA: %t, want %t", got, tc.to != "")
			}
			load.atLeast(t, 5)
			load.end(t)
			if got := len(requestsOf(t, s)); got != 2 {
				t.Errorf("%d CertificateSigningRequests, want 2", got)
			}
		})
	}
}
