// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"errors"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
)

// Outcome is where a CertificateSigningRequest stands when it has not (yet) led to a certificate.
type Outcome string

// The six outcomes. Pending and NotIssued are reported while waiting, and end the wait only when its deadline passes;
// the others end it at once.
const (
	// Pending: not approved or denied yet.
	Pending Outcome = "Pending"
	// NotIssued: approved, but the signer has not answered.
	NotIssued Outcome = "ApprovedNotIssued"
	// Denied: an approver refused.
	Denied Outcome = "Denied"
	// Failed: the signer refused.
	Failed Outcome = "Failed"
	// Deleted: the object is gone, or another one has taken its name.
	Deleted Outcome = "Deleted"
	// TimedOut: the deadline passed before the API server said where the request stands.
	TimedOut Outcome = "TimedOut"
)

// OutcomeError reports a request that has not led to a certificate.
type OutcomeError struct {
	// Outcome is where the request stands.
	Outcome Outcome
	// Name is the CertificateSigningRequest's name, Signer its spec.signerName.
	Name, Signer string
	// Reason and Message are copied from the condition, where an approver or signer left one.
	Reason, Message string
	// Waited is how long the request has been waited for.
	Waited time.Duration
	// Hint says who is expected to answer; it comes from the signer's profile.
	Hint string
	// Err is the cause, if the wait was ended by one (a context's error, for instance).
	Err error
}

// Unwrap returns the cause, if there is one.
func (e *OutcomeError) Unwrap() error { return e.Err }

// Error says in one sentence what happened to which object, and what to do next.
func (e *OutcomeError) Error() string {
	subject := fmt.Sprintf("CertificateSigningRequest %q for signer %q", e.Name, e.Signer)
	said := e.said()
	waited := e.Waited.Round(time.Millisecond)
	switch e.Outcome {
	case Pending:
		return fmt.Sprintf("%s has been waiting for approval for %s: run `kubectl certificate approve %s`, "+
			"or look at the approver that is expected to act, or start with --approve=self", subject, waited, e.Name)
	case NotIssued:
		return fmt.Sprintf("%s was approved but not issued within %s: the expected signer is %s; check that it runs "+
			"and handles this signer name", subject, waited, e.Hint)
	case Denied:
		return fmt.Sprintf("%s was denied%s: look at the approver that denied it (kubectl get csr %s -o yaml)",
			subject, said, e.Name)
	case Failed:
		return fmt.Sprintf("%s was refused by its signer%s: change what the message names and the request is "+
			"made again", subject, said)
	case Deleted:
		return fmt.Sprintf("%s was deleted after %s, before it was issued: a new one is needed; if this recurs, "+
			"look for who deletes it (the API server's garbage collection takes 1 h to 24 h)", subject, waited)
	default:
		return fmt.Sprintf("%s: the API server did not say where it stands within %s: check the connection to the API "+
			"server and the rights get, list and watch on certificatesigningrequests", subject, waited)
	}
}

func (e *OutcomeError) said() string {
	if e.Reason == "" && e.Message == "" {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", e.Reason, e.Message)
}

// OutcomeOf finds the outcome in err's chain; ok is false when err is no [*OutcomeError].
func OutcomeOf(err error) (outcome Outcome, ok bool) {
	var outcomeError *OutcomeError
	if !errors.As(err, &outcomeError) {
		return "", false
	}
	return outcomeError.Outcome, true
}

// standing reads where the object stands; "" means that it carries a certificate.
func standing(
	obj *certificatesv1.CertificateSigningRequest,
) (outcome Outcome, why certificatesv1.CertificateSigningRequestCondition) {
	outcome = Pending
	for _, c := range obj.Status.Conditions {
		// Denied and Failed without a status are as true as those with one: the field came later.
		if c.Status == corev1.ConditionFalse {
			continue
		}
		switch c.Type {
		case certificatesv1.CertificateDenied:
			return Denied, c
		case certificatesv1.CertificateFailed:
			return Failed, c
		case certificatesv1.CertificateApproved:
			outcome = NotIssued
		}
	}
	if outcome == NotIssued && len(obj.Status.Certificate) > 0 {
		outcome = ""
	}
	return outcome, why
}
