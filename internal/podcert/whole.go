// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/refusal"
)

// whole is a request with all that decides. A long spec.request is not kept, and is read of the API server. The error
// is NotFound if the request is gone or has an answer. The request is never nil.
//
// It is a list of one object, because that takes no other right than the watch.
func whole(ctx context.Context, client kubernetes.Interface, r *Request) (*Request, error) {
	if r.CSR == nil || len(r.CSR.Spec.Request) > 0 || cutCSR(r.CSR) {
		return r, nil
	}
	list, err := client.CertificatesV1().CertificateSigningRequests().List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", r.Name).String()})
	if err != nil {
		return r, refusal.Explain(fmt.Sprintf("reading CertificateSigningRequest %s", r.Name), err,
			"grant {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [list]}", "")
	}
	for i := range list.Items {
		if read, pending := keepCSR(r.SignerName)(&list.Items[i]); pending && read.UID == r.UID {
			return read, nil
		}
	}
	return r, apierrors.NewNotFound(certificatesv1.Resource("certificatesigningrequests"), r.Name)
}

// cutCSR tells whether an object was too long to be kept.
func cutCSR(obj *certificatesv1.CertificateSigningRequest) bool {
	_, cut := obj.Labels[csrCut]
	return cut
}
