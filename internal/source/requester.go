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
)

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
