// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// ReasonSelfApproved is the reason of the Approved condition that [Requester] writes.
const ReasonSelfApproved = "HookstrapSelfApproved"

// maxApprovals bounds how often a conflicting approval is tried again. Conflicts come from other writers of the same
// object's status; each has written something to look at, so more than a few mean that somebody is fighting.
const maxApprovals = 5

// unaltered tells whether the stored object is the one that was sent: an admission webhook may have changed it, or
// another object may stand under its name. What is approved must be exactly what was asked for.
func (r *Requester) unaltered(want, got *certificatesv1.CertificateSigningRequest) error {
	var altered string
	switch {
	case want.UID != "" && got.UID != want.UID:
		return &OutcomeError{Outcome: Deleted, Name: want.Name, Signer: want.Spec.SignerName}
	case !bytes.Equal(got.Spec.Request, want.Spec.Request):
		altered = "spec.request"
	case got.Spec.SignerName != want.Spec.SignerName:
		altered = "spec.signerName"
	case !sameSet(got.Spec.Usages, want.Spec.Usages):
		altered = "spec.usages"
	case !ptr.Equal(got.Spec.ExpirationSeconds, want.Spec.ExpirationSeconds):
		altered = "spec.expirationSeconds"
	case r.Username != "" && got.Spec.Username != r.Username:
		return alteredError(fmt.Sprintf("CertificateSigningRequest %q was recorded as requested by %q, expected %q: run "+
			"with that ServiceAccount's token, or name the right one with --service-account",
			want.Name, got.Spec.Username, r.Username))
	default:
		return nil
	}
	return alteredError(fmt.Sprintf("CertificateSigningRequest %q is not what was asked for: %s differs; it is not "+
		"approved: look for who alters it (a mutating webhook?)", want.Name, altered))
}

func sameSet[T ~string](a, b []T) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// approve writes the Approved condition on the request that obj is, after looking at it once more.
func (r *Requester) approve(
	ctx context.Context,
	obj *certificatesv1.CertificateSigningRequest,
) (*certificatesv1.CertificateSigningRequest, error) {
	started := time.Now()
	requested := obj
	for range maxApprovals {
		if outcome, _ := standing(obj); outcome != Pending {
			return obj, nil // Somebody was faster: approved or denied, it is for the wait to say.
		}
		if r.Approvable != nil {
			if err := r.Approvable(obj); err != nil {
				return nil, fmt.Errorf("not approving CertificateSigningRequest %q: %w", obj.Name, err)
			}
		}
		approved, err := r.Client.UpdateApproval(ctx, obj.Name, withApproval(obj), metav1.UpdateOptions{})
		if err == nil {
			r.observe(PhaseApproved, started, "csr", obj.Name, "by", ApproveSelf)
			return approved, nil
		}
		if !refusal.Conflict(err) {
			return nil, r.explainApproval(obj, err)
		}
		if obj, err = r.reread(ctx, requested); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("approving CertificateSigningRequest %q: its status was changed by somebody else %d times "+
		"in a row: look for a controller that keeps writing it", requested.Name, maxApprovals)
}

// reread fetches the object again and refuses it when it is another one.
func (r *Requester) reread(
	ctx context.Context,
	requested *certificatesv1.CertificateSigningRequest,
) (*certificatesv1.CertificateSigningRequest, error) {
	obj, err := r.Client.Get(ctx, requested.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, &OutcomeError{Outcome: Deleted, Name: requested.Name, Signer: requested.Spec.SignerName, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("reading CertificateSigningRequest %q again: %w", requested.Name, err)
	}
	return obj, r.unaltered(requested, obj)
}

func withApproval(obj *certificatesv1.CertificateSigningRequest) *certificatesv1.CertificateSigningRequest {
	obj = obj.DeepCopy()
	obj.Status.Conditions = append(obj.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type:    certificatesv1.CertificateApproved,
		Status:  corev1.ConditionTrue,
		Reason:  ReasonSelfApproved,
		Message: "Approved by its requester after checking UID, request, signer, usages and lifetime.",
	})
	return obj
}

func (r *Requester) explainApproval(obj *certificatesv1.CertificateSigningRequest, err error) error {
	if refusal.Of(err).Kind == refusal.NoObject {
		return &OutcomeError{Outcome: Deleted, Name: obj.Name, Signer: obj.Spec.SignerName, Err: err}
	}
	return refusal.Explain(fmt.Sprintf("approving CertificateSigningRequest %q", obj.Name), err, fmt.Sprintf("grant "+
		"{apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/approval], verbs: [update]} and "+
		"{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [%s], verbs: [approve]}, or start with "+
		"--approve=external", obj.Spec.SignerName), "")
}
