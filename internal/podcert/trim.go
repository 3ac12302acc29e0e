// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	// maxLabelBytes bounds what is kept of a Pod's labels and of a Service's selector: the API server bounds them by the
	// size of the object alone.
	maxLabelBytes = 8 << 10
	// labelsCut is in the place of longer labels. It has a space, which no label and no selector can have.
	labelsCut = "labels too long"
	// maxAnnotationBytes bounds the annotation of a projection: it is more than the names of [maxServices] Services.
	maxAnnotationBytes = 8 << 10
	// keptRequestBytes is up to what length spec.request is kept while it waits: nearly all are shorter, one with an RSA
	// key of 4096 bits and ten names among them. A longer one is read again each time it is decided about.
	keptRequestBytes = 2 << 10
	// maxCSRBytes bounds the objects that are read again: it is twice [authority.MaxRequestBytes].
	maxCSRBytes = 64 << 10
	// csrCut is a label in the place of all labels of an object that is larger. It has a space, which no label can have.
	csrCut = "object too long"
)

// trim leaves what the stores keep, of one object. What users may write without a limit is cut, so that decisions can
// see that it was too long.
func trim(obj runtime.Object) {
	if object, err := meta.Accessor(obj); err != nil || object.GetName() == "" {
		return // A status, or a bookmark, whose annotation says that a streamed list is complete.
	}
	switch object := obj.(type) {
	case *corev1.Pod:
		trimPod(object)
	case *corev1.ServiceAccount:
		*object = corev1.ServiceAccount{ObjectMeta: bare(&object.ObjectMeta)}
	case *corev1.Service:
		trimService(object)
	case *certificatesv1.CertificateSigningRequest:
		trimCSR(object)
	case *unstructured.Unstructured:
		trimRequest(object)
	}
}

// bare is the metadata that counts of every kind.
func bare(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp}
}

func trimPod(pod *corev1.Pod) {
	labels := pod.Labels
	if tooLong(labels) {
		labels = map[string]string{labelsCut: ""}
	}
	*pod = corev1.Pod{
		ObjectMeta: bare(&pod.ObjectMeta), Status: corev1.PodStatus{Phase: pod.Status.Phase},
		Spec: corev1.PodSpec{NodeName: pod.Spec.NodeName, ServiceAccountName: pod.Spec.ServiceAccountName},
	}
	pod.Labels = labels
}

func trimService(service *corev1.Service) {
	selector := service.Spec.Selector
	if tooLong(selector) {
		selector = nil // It selects no Pod whose labels are kept.
	}
	optIn, labeled := service.Labels[OptInLabel]
	*service = corev1.Service{ObjectMeta: bare(&service.ObjectMeta),
		Spec: corev1.ServiceSpec{Type: service.Spec.Type, Selector: selector}}
	if labeled {
		service.Labels = map[string]string{OptInLabel: optIn}
	}
}

func tooLong(labels map[string]string) bool {
	size := 0
	for key, value := range labels {
		size += len(key) + len(value)
	}
	return size > maxLabelBytes
}

// trimCSR leaves of a request what is decided by, and of one that is answered that it is: those stay in the cluster for
// an hour, of a megabyte each, and anybody may make them who may ask. Those that wait stay for a day.
func trimCSR(obj *certificatesv1.CertificateSigningRequest) {
	spec, status, size := obj.Spec, obj.Status, obj.Size()
	_, pending := readCSR(obj)
	*obj = certificatesv1.CertificateSigningRequest{ObjectMeta: bare(&obj.ObjectMeta)}
	obj.Spec.SignerName = spec.SignerName
	if !pending {
		for _, condition := range status.Conditions {
			obj.Status.Conditions = append(obj.Status.Conditions,
				certificatesv1.CertificateSigningRequestCondition{Type: condition.Type})
		}
		obj.Status.Certificate = bytes.Clone(status.Certificate[:min(len(status.Certificate), 1)])
		return
	}
	obj.Status.Conditions = status.Conditions // They are written again, and only who approves and signs writes them.
	switch {
	case len(spec.Request) <= keptRequestBytes:
		obj.Spec.Request = spec.Request
	case size > maxCSRBytes:
		obj.Labels = map[string]string{csrCut: ""}
	}
	obj.Spec.Usages, obj.Spec.ExpirationSeconds = spec.Usages, spec.ExpirationSeconds
	obj.Spec.Username, obj.Spec.UID = spec.Username, spec.UID
	obj.Spec.Extra = map[string]certificatesv1.ExtraValue{}
	for _, key := range []string{extraPodName, extraPodUID} {
		if value, set := spec.Extra[key]; set {
			obj.Spec.Extra[key] = value
		}
	}
}

// trimRequest is trimCSR for a PodCertificateRequest.
func trimRequest(obj *unstructured.Unstructured) {
	if obj.GetName() == "" {
		return // A bookmark.
	}
	metadata, _ := obj.Object["metadata"].(map[string]any)
	spec, _ := obj.Object["spec"].(map[string]any)
	status, _ := obj.Object["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	trimmed := only(obj.Object, "apiVersion", "kind")
	trimmed["metadata"] = only(metadata, "namespace", "name", "uid", "resourceVersion", "creationTimestamp")
	if len(conditions) > 0 {
		trimmed["spec"] = only(spec, "signerName")
		trimmed["status"] = map[string]any{"conditions": []any{map[string]any{}}}
		obj.Object = trimmed
		return
	}
	annotations, _ := spec["unverifiedUserAnnotations"].(map[string]any)
	spec = only(spec, "signerName", "podName", "podUID", "serviceAccountName", "serviceAccountUID", "nodeName",
		"maxExpirationSeconds", "stubPKCS10Request") // The API server takes 10 KiB of the last.
	if len(annotations) > 0 {
		spec["unverifiedUserAnnotations"] = trimAnnotations(annotations)
	}
	trimmed["spec"] = spec
	obj.Object = trimmed
}

// trimAnnotations leaves the annotation that is known, and the first of the others, for which a request is denied.
func trimAnnotations(all map[string]any) map[string]any {
	kept := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if key != ServicesAnnotation {
			kept[key] = ""
			break
		}
	}
	if text, set := all[ServicesAnnotation].(string); set {
		kept[ServicesAnnotation] = strings.Clone(text[:min(len(text), maxAnnotationBytes+1)])
	}
	return kept
}

// only is what an object has of some fields.
func only(fields map[string]any, names ...string) map[string]any {
	kept := map[string]any{}
	for _, name := range names {
		if value, set := fields[name]; set {
			kept[name] = value
		}
	}
	return kept
}
