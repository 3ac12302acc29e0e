// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/refusal"
)

// What the API server demands of a status (ValidatePodCertificateRequestStatusUpdate): NotBefore is at most five
// minutes from its clock, either way; the lifetime counts from there, is an hour at least and what the request says
// at most; BeginRefreshAt is ten minutes at least from both ends; and the three times are the certificate's own, to
// the second.
const (
	// backdating lets clients whose clock is a little behind use the certificate at once, and leaves four minutes for
	// the API server's clock to be ahead of ours.
	backdating = time.Minute
	// maxMessage bounds the message of a condition; the API server takes 32 KiB.
	maxMessage = 1024
)

// refreshAt is when the kubelet should ask for the next certificate: the last third is for what may be away then.
func refreshAt(notBefore, notAfter time.Time) time.Time {
	return notBefore.Add(notAfter.Sub(notBefore) * 2 / 3).Truncate(time.Second)
}

// status is that of a PodCertificateRequest.
type status struct {
	Conditions       []metav1.Condition `json:"conditions"`
	CertificateChain string             `json:"certificateChain,omitempty"`
	NotBefore        *metav1.Time       `json:"notBefore,omitempty"`
	BeginRefreshAt   *metav1.Time       `json:"beginRefreshAt,omitempty"`
	NotAfter         *metav1.Time       `json:"notAfter,omitempty"`
}

func condition(kind, reason, message string, now time.Time) []metav1.Condition {
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "")
	}
	return []metav1.Condition{{Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: message,
		LastTransitionTime: metav1.NewTime(now)}}
}

// issued is the status with a certificate. The CA is not in the chain: clients have it from the ClusterTrustBundle.
func issued(leaf *x509.Certificate, now time.Time) status {
	at := func(t time.Time) *metav1.Time { return &metav1.Time{Time: t} }
	return status{
		Conditions:       condition("Issued", "Signed", "Signed for "+strings.Join(leaf.DNSNames, ", ")+".", now),
		CertificateChain: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})),
		NotBefore:        at(leaf.NotBefore), NotAfter: at(leaf.NotAfter),
		BeginRefreshAt: at(refreshAt(leaf.NotBefore, leaf.NotAfter)),
	}
}

// sign returns the status with the certificate of a grant.
func (s *Signer) sign(grant *Grant) (status, error) {
	leaf, err := s.options.CA.SignLeaf(authority.LeafRequest{
		PublicKey: grant.PublicKey, DNSNames: grant.DNSNames, Backdating: backdating, Lifetime: grant.Lifetime,
		Shortest: grant.Shortest,
	})
	if err != nil {
		return status{}, err
	}
	answer := issued(leaf, time.Now())
	if grant.WithCA {
		ca := s.options.CA.Signing()
		if err := leaf.CheckSignatureFrom(ca); err != nil {
			return status{}, fmt.Errorf("the CA was replaced while it signed, which passes: %w", err)
		}
		answer.CertificateChain += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}))
	}
	return answer, nil
}

// write writes a status, on the condition that the request is as it was read.
func write(ctx context.Context, client metadata.Interface, r *Request, answer status) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": r.UID, "resourceVersion": r.ResourceVersion},
		"status":   answer,
	})
	if err != nil {
		return fmt.Errorf("encoding the status of PodCertificateRequest %s: %w", r.NamespacedName, err)
	}
	_, err = client.Resource(resource()).Namespace(r.Namespace).Patch(ctx, r.Name, types.MergePatchType, patch,
		metav1.PatchOptions{}, "status")
	if err != nil {
		return refusal.Explain(fmt.Sprintf("writing the status of PodCertificateRequest %s", r.NamespacedName), err,
			fmt.Sprintf("grant {apiGroups: [certificates.k8s.io], resources: [podcertificaterequests/status], verbs: [patch]} "+
				"and {apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [%s], verbs: [sign]}",
				r.SignerName), "")
	}
	return nil
}
