// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"errors"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

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
