// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestStanding(t *testing.T) {
	condition := func(kind certificatesv1.RequestConditionType, status corev1.ConditionStatus) certificatesv1.CertificateSigningRequestCondition {
		return certificatesv1.CertificateSigningRequestCondition{Type: kind, Status: status, Reason: "R", Message: "M"}
	}
	approved := condition(certificatesv1.CertificateApproved, corev1.ConditionTrue)
	for _, tc := range []struct {
		name        string
		conditions  []certificatesv1.CertificateSigningRequestCondition
		certificate string
		want        Outcome
	}{
		{name: "nothing said", want: Pending},
		{name: "approved", conditions: []certificatesv1.CertificateSigningRequestCondition{approved}, want: NotIssued},
		{name: "issued", conditions: []certificatesv1.CertificateSigningRequestCondition{approved}, certificate: "x", want: ""},
		{name: "a certificate without approval is none", certificate: "x", want: Pending},
		{
			name:       "denied",
			conditions: []certificatesv1.CertificateSigningRequestCondition{condition(certificatesv1.CertificateDenied, corev1.ConditionTrue)},
			want:       Denied,
		},
		{
			name: "failed after approval",
			conditions: []certificatesv1.CertificateSigningRequestCondition{
				approved, condition(certificatesv1.CertificateFailed, corev1.ConditionTrue)},
			want: Failed,
		},
		{
			name: "failed without a status, as older signers write it",
			conditions: []certificatesv1.CertificateSigningRequestCondition{
				approved, condition(certificatesv1.CertificateFailed, "")},
			want: Failed,
		},
		{
			name: "not failed",
			conditions: []certificatesv1.CertificateSigningRequestCondition{
				approved, condition(certificatesv1.CertificateFailed, corev1.ConditionFalse)},
			want: NotIssued,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			obj := &certificatesv1.CertificateSigningRequest{Status: certificatesv1.CertificateSigningRequestStatus{
				Conditions: tc.conditions, Certificate: []byte(tc.certificate)}}
			if got, _ := standing(obj); got != tc.want {
				t.Errorf("standing = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestEachOutcomeSaysWhatToLookAt(t *testing.T) {
	for outcome, want := range map[Outcome]string{
		Pending:   "kubectl certificate approve shop-web-x",
		NotIssued: "the expected signer is THE-HINT",
		Denied:    "look at the approver",
		Failed:    "refused by its signer (Bad: no)",
		Deleted:   "look for who deletes it",
		TimedOut:  "get, list and watch",
	} {
		t.Run(string(outcome), func(t *testing.T) {
			err := &OutcomeError{Outcome: outcome, Name: "shop-web-x", Signer: "example.com/s", Reason: "Bad", Message: "no",
				Waited: time.Minute, Hint: "THE-HINT"}
			for _, part := range []string{want, "shop-web-x", "example.com/s"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestOutcomeOfFindsItInTheChain(t *testing.T) {
	cause := context.DeadlineExceeded
	err := fmt.Errorf("renewing: %w", &OutcomeError{Outcome: TimedOut, Err: cause})
	if outcome, ok := OutcomeOf(err); !ok || outcome != TimedOut {
		t.Errorf("OutcomeOf = %q, %t; want %q", outcome, ok, TimedOut)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if outcome, ok := OutcomeOf(cause); ok {
		t.Errorf("OutcomeOf(%v) = %q, want none", cause, outcome)
	}
}
