// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// approvedReason is that of the condition Approved.
const approvedReason = "HookstrapAuthority"

// csrStatus is what is written of the status of a CertificateSigningRequest.
type csrStatus struct {
	Conditions  []certificatesv1.CertificateSigningRequestCondition `json:"conditions,omitempty"`
	Certificate []byte                                              `json:"certificate,omitempty"`
}

// writeCSR denies the request, or approves it, unless that is done already, and then writes the certificate: two
// writes, since the API server takes them at two places. Both carry the resourceVersion that was read, so that the
// first replica to write is the only one. What a replica has approved when it ends, the others sign. They are patches,
// because an update would need the whole object, of which little is kept.
func writeCSR(ctx context.Context, client metadata.Interface, r *Request, answer status) error {
	verdict, denies := answer.Conditions[0], answer.CertificateChain == ""
	conditions, version := slices.Clone(r.CSR.Status.Conditions), r.ResourceVersion
	approved := slices.ContainsFunc(conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool {
		return c.Type == certificatesv1.CertificateApproved
	})
	if !approved {
		condition := conditionOf(certificatesv1.CertificateApproved, approvedReason, verdict.Message)
		if denies {
			condition = conditionOf(certificatesv1.CertificateDenied, verdict.Reason, verdict.Message)
		}
		conditions = append(conditions, condition)
		written, err := patchCSR(ctx, client, r, version, "approval", csrStatus{Conditions: conditions})
		if err != nil || denies {
			return err
		}
		version = written.GetResourceVersion()
	}
	last := csrStatus{Certificate: []byte(answer.CertificateChain)}
	if denies { // A person has approved it: it is for the signer to say that it fails.
		failed := conditionOf(certificatesv1.CertificateFailed, verdict.Reason, verdict.Message)
		last = csrStatus{Conditions: append(conditions, failed)}
	}
	_, err := patchCSR(ctx, client, r, version, "status", last)
	return err
}

// patchCSR writes a part of the status, on the condition that the request is at a version.
func patchCSR(
	ctx context.Context, client metadata.Interface, r *Request, version, subresource string, part csrStatus,
) (*metav1.PartialObjectMetadata, error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": r.UID, "resourceVersion": version},
		"status":   part,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the %s of CertificateSigningRequest %s: %w", subresource, r.Name, err)
	}
	resource := certificatesv1.SchemeGroupVersion.WithResource("certificatesigningrequests")
	written, err := client.Resource(resource).Patch(ctx, r.Name, types.MergePatchType, patch, metav1.PatchOptions{},
		subresource)
	if err != nil {
		return nil, refusal.Explain(fmt.Sprintf("writing the %s of CertificateSigningRequest %s", subresource, r.Name), err,
			fmt.Sprintf("grant {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/%s], verbs: [patch]} "+
				"and {apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [%s], verbs: [approve, sign]}",
				subresource, r.SignerName), "")
	}
	return written, nil
}
