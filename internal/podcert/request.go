// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Request is what counts of a PodCertificateRequest.
type Request struct {
	types.NamespacedName

	UID             types.UID
	ResourceVersion string
	// Created is to the second.
	Created time.Time

	SignerName         string
	PodName            string
	PodUID             types.UID
	ServiceAccountName string
	ServiceAccountUID  types.UID
	NodeName           string
	// MaxLifetime is the longest that the API server takes, backdating included.
	MaxLifetime time.Duration
	// PKCS10 is a certification request of which only the key counts, in DER.
	PKCS10 []byte
	// Annotations are those of the projection, which the author of the Pod has written.
	Annotations map[string]string

	// CSR is the CertificateSigningRequest that this is, as far as it is kept; nil for a PodCertificateRequest.
	CSR *certificatesv1.CertificateSigningRequest
}

// key is that of the object.
func (r *Request) key() types.NamespacedName {
	if r.CSR != nil {
		return types.NamespacedName{Name: r.Name}
	}
	return r.NamespacedName
}

func (r *Request) kind() string {
	if r.CSR != nil {
		return "CertificateSigningRequest"
	}
	return "PodCertificateRequest"
}

func (r *Request) pod() types.NamespacedName {
	return types.NamespacedName{Namespace: r.Namespace, Name: r.PodName}
}

func (r *Request) serviceAccount() types.NamespacedName {
	return types.NamespacedName{Namespace: r.Namespace, Name: r.ServiceAccountName}
}

// resource is where PodCertificateRequests are. The lowest client-go that is supported does not know v1.
func resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "certificates.k8s.io", Version: "v1", Resource: "podcertificaterequests"}
}

func kind() schema.GroupVersionKind {
	return resource().GroupVersion().WithKind("PodCertificateRequest")
}

// wire is the object as the API has it, as far as it is read.
type wire struct {
	Spec struct {
		SignerName                string            `json:"signerName"`
		PodName                   string            `json:"podName"`
		PodUID                    types.UID         `json:"podUID"`
		ServiceAccountName        string            `json:"serviceAccountName"`
		ServiceAccountUID         types.UID         `json:"serviceAccountUID"`
		NodeName                  string            `json:"nodeName"`
		MaxExpirationSeconds      int64             `json:"maxExpirationSeconds"`
		StubPKCS10Request         []byte            `json:"stubPKCS10Request"`
		UnverifiedUserAnnotations map[string]string `json:"unverifiedUserAnnotations"`
	} `json:"spec"`
	Status struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// read returns what counts of an object. It is pending until it has a condition: each one that there is, is final.
func read(obj *unstructured.Unstructured) (request *Request, pending bool, err error) {
	var w wire
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &w); err != nil {
		return nil, false, fmt.Errorf("reading PodCertificateRequest %s/%s: %w", obj.GetNamespace(), obj.GetName(), err)
	}
	return &Request{
		NamespacedName:  types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()},
		UID:             obj.GetUID(),
		ResourceVersion: obj.GetResourceVersion(),
		Created:         obj.GetCreationTimestamp().Time,

		SignerName:         w.Spec.SignerName,
		PodName:            w.Spec.PodName,
		PodUID:             w.Spec.PodUID,
		ServiceAccountName: w.Spec.ServiceAccountName,
		ServiceAccountUID:  w.Spec.ServiceAccountUID,
		NodeName:           w.Spec.NodeName,
		MaxLifetime:        time.Duration(w.Spec.MaxExpirationSeconds) * time.Second,
		PKCS10:             w.Spec.StubPKCS10Request,
		Annotations:        w.Spec.UnverifiedUserAnnotations,
	}, len(w.Status.Conditions) == 0, nil
}
