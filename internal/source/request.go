// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// askAnew is how long a certificate that cannot be used is looked at again before another one is requested, if no one
// has to be asked for the approval: by then the signer may sign with a CA that is known.
const askAnew = 15 * time.Minute

// request takes the attempt to its certificate, or another one if that is of no use any more. The certificate is kept
// until the attempt is dropped, unless it is the built-in signer's: that one needs no approver, and its CA may have
// been replaced.
func (s *CSR) request(ctx context.Context) (*csr.Issued, error) {
	if s.RenewNow.Take() || s.outlived(time.Now()) { // This attempt is what was asked for.
		s.attempt = nil
	}
	if s.attempt == nil {
		s.attempt, s.begun = s.requester.Begin(s.spec), time.Now()
	}
	attempt := s.attempt
	issued, err := attempt.Finish(ctx)
	if !attempt.Resumable() || err == nil && s.own != nil {
		s.attempt = nil
	}
	return issued, err
}

// outlived tells whether the certificate has been waiting for too long.
func (s *CSR) outlived(now time.Time) bool {
	if s.attempt == nil || s.attempt.Leaf() == nil {
		return false
	}
	return now.After(timing.RenewalTime(s.attempt.Leaf(), 0)) ||
		s.Approval == csr.ApproveSelf && now.Sub(s.begun) > askAnew
}

// observedFrom is how many functions lie between a step of package csr and PhaseAt: its observe, and the function that
// it calls.
const observedFrom = 2

func (o Options) newRequester(ctx context.Context, own *authority.Authority) *csr.Requester {
	r := &csr.Requester{
		Client:   o.Kubernetes.CertificatesV1().CertificateSigningRequests(),
		Approval: o.Approval,
		Waiting: func(err *csr.OutcomeError) {
			o.Report.Failed(report.TaskWait, err)
			klog.FromContext(ctx).Info("Still waiting for the certificate", "outcome", err.Outcome, "reason", err.Error())
		},
		Observe: func(phase csr.Phase, took time.Duration, keysAndValues ...any) {
			o.Report.PhaseAt(ctx, observedFrom, string(phase), took, keysAndValues...)
		},
	}
	if account := o.ServiceAccount; account != "" {
		r.Username = authority.ServiceAccountUser(o.Inputs.Namespace, account)
	}
	if own != nil {
		r.Approvable, r.Sign = own.Approvable, own.Sign
	}
	return r
}
