// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"errors"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// Why [Authority.Sign] does not sign a request, apart from the policy.
var (
	// ErrOtherSigner: the request is for another signer, and none of our business.
	ErrOtherSigner = errors.New("it is for another signer")
	// ErrNotApproved: the request is not approved yet.
	ErrNotApproved = errors.New("it is not approved")
	// ErrDenied: an approver has denied the request, which is final.
	ErrDenied = errors.New("it was denied")
	// ErrFailed: a signer has failed the request, which is final.
	ErrFailed = errors.New("it has failed")
	// ErrReplaced: the object was deleted, and another one has its name.
	ErrReplaced = errors.New("it was replaced by another object of its name")
)

// issued tells whether there is a certificate already.
func issued(obj *certificatesv1.CertificateSigningRequest) bool {
	return len(obj.Status.Certificate) > 0
}

// standing returns nil for a request that waits for its signer, which is us under the given name.
func standing(obj *certificatesv1.CertificateSigningRequest, signerName string) error {
	denied := condition(obj, certificatesv1.CertificateDenied)
	failed := condition(obj, certificatesv1.CertificateFailed)
	switch {
	case obj.Spec.SignerName != signerName:
		return fmt.Errorf("%w, %s", ErrOtherSigner, quote(obj.Spec.SignerName))
	case denied != nil:
		return fmt.Errorf("%w (%s: %s)", ErrDenied, denied.Reason, denied.Message)
	case failed != nil:
		return fmt.Errorf("%w (%s: %s)", ErrFailed, failed.Reason, failed.Message)
	case condition(obj, certificatesv1.CertificateApproved) == nil:
		return fmt.Errorf("%w: approve it with kubectl certificate approve %s", ErrNotApproved, obj.Name)
	default:
		return nil
	}
}

// same tells whether the object that was read again is the one that was read before.
func same(obj *certificatesv1.CertificateSigningRequest, uid types.UID) error {
	if uid != "" && obj.UID != uid {
		return fmt.Errorf("%w: submit the request again", ErrReplaced)
	}
	return nil
}

func condition(
	obj *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType,
) *certificatesv1.CertificateSigningRequestCondition {
	for i := range obj.Status.Conditions {
		if c := &obj.Status.Conditions[i]; c.Type == kind && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}

// failedCondition tells the requester, and `kubectl describe csr`, which rule was broken.
func failedCondition(refusal error, now metav1.Time) certificatesv1.CertificateSigningRequestCondition {
	condition := certificatesv1.CertificateSigningRequestCondition{
		Type:           certificatesv1.CertificateFailed,
		Status:         corev1.ConditionTrue,
		Message:        refusal.Error(),
		LastUpdateTime: now,
	}
	if broken := (*PolicyError)(nil); errors.As(refusal, &broken) {
		condition.Reason = broken.Reason
	}
	return condition
}

func explainStatus(err error, signerName string) error {
	return refusal.Explain("writing its status", err, fmt.Sprintf("grant {apiGroups: [certificates.k8s.io], resources: "+
		"[certificatesigningrequests/status], verbs: [update]} and {apiGroups: [certificates.k8s.io], resources: "+
		"[signers], resourceNames: [%s], verbs: [sign]}", signerName), "")
}
