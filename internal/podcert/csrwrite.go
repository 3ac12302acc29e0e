// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// approvedReason is that of the condition Approved.
const approvedReason = "HookstrapAuthority"

// writeCSR denies the request, or approves it, unless that is done already, and then writes the certificate: two
// writes, since the API server takes them at two places. Both carry the resourceVersion that was read, so that the
// first replica to write is the only one. What a replica has approved when it ends, the others sign.
func writeCSR(ctx context.Context, client kubernetes.Interface, r *Request, answer status) error {
	requests, obj := client.CertificatesV1().CertificateSigningRequests(), r.CSR.DeepCopy()
	verdict, denies := answer.Conditions[0], answer.CertificateChain == ""
	approved := slices.ContainsFunc(obj.Status.Conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool {
		return c.Type == certificatesv1.CertificateApproved
	})
	if !approved {
		condition := conditionOf(certificatesv1.CertificateApproved, approvedReason, verdict.Message)
		if denies {
			condition = conditionOf(certificatesv1.CertificateDenied, verdict.Reason, verdict.Message)
		}
		obj.Status.Conditions = append(obj.Status.Conditions, condition)
		written, err := requests.UpdateApproval(ctx, obj.Name, obj, metav1.UpdateOptions{})
		if err != nil {
			return unwritten(r, "approval", err)
		}
		if denies {
			return nil
		}
		obj = written
	}
	obj.Status.Certificate = []byte(answer.CertificateChain)
	if denies { // A person has approved it: it is for the signer to say that it fails.
		obj.Status.Conditions = append(obj.Status.Conditions,
			conditionOf(certificatesv1.CertificateFailed, verdict.Reason, verdict.Message))
	}
	if _, err := requests.UpdateStatus(ctx, obj, metav1.UpdateOptions{}); err != nil {
		return unwritten(r, "status", err)
	}
	return nil
}

func unwritten(r *Request, subresource string, err error) error {
	return refusal.Explain(fmt.Sprintf("writing the %s of CertificateSigningRequest %s", subresource, r.Name), err,
		fmt.Sprintf("grant {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/%s], verbs: [update]} "+
			"and {apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [%s], verbs: [approve, sign]}",
			subresource, r.SignerName), "")
}
