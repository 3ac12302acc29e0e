// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sample makes admission reviews of Pods as an API server sends them: with managed fields, which take up a
// third of them, and a status. Tests hold decoders to them and benchmarks measure with them.
package sample

import (
	"encoding/json"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// Review is a review of the creation of a Pod that no default check objects to, of about the given size in bytes and
// not less. The smallest has 2 KB.
func Review(size int) ([]byte, error) {
	body, err := ReviewOf(Pod(size > 6000, 0))
	for variables := 1; err == nil && len(body) < size; variables += max(1, (size-len(body))/400) {
		body, err = ReviewOf(Pod(size > 6000, variables))
	}
	return body, err
}

// ReviewOf is the review of the creation of a Pod.
func ReviewOf(pod *corev1.Pod) ([]byte, error) {
	object, err := json.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("encoding the Pod: %w", err)
	}
	dryRun := false
	kind := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}
	resource := metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	return json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "705ab4f5-6393-11e8-b7cc-42010a800002", Kind: kind, Resource: resource, RequestKind: &kind,
			RequestResource: &resource, Name: pod.Name, Namespace: pod.Namespace, Operation: admissionv1.Create,
			Object: runtime.RawExtension{Raw: object}, DryRun: &dryRun,
			Options: runtime.RawExtension{
				Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl-client-side-apply"}`),
			},
		},
	})
}

// Pod is a Pod with a number of environment variables. The full one has what a Pod of a Deployment in production has:
// an init container and a sidecar, probes, projected volumes, and the status of a running Pod.
func Pod(full bool, variables int) *corev1.Pod {
	pod := base()
	if full {
		pod.Spec = spec()
		pod.Status = status(pod)
	}
	app := &pod.Spec.Containers[0]
	for i := range variables {
		app.Env = append(app.Env, variable(i))
	}
	pod.ManagedFields = []metav1.ManagedFieldsEntry{managed("kube-controller-manager", "", pod)}
	if full {
		pod.ManagedFields = append(pod.ManagedFields, managed("kubelet", "status", &corev1.Pod{Status: pod.Status}))
	}
	return pod
}

// base is a small Pod.
func base() *corev1.Pod {
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "checkout-7d9f8c6b5d-x2zkq", GenerateName: "checkout-7d9f8c6b5d-", Namespace: "shop",
			Labels:      map[string]string{"app.kubernetes.io/name": "checkout", "team": "pay"},
			Annotations: map[string]string{"note": "größer <&> \"quoted\""},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "checkout-7d9f8c6b5d",
				UID: "f4d5a7c0-32a2-4a5a-a1cc-0f3c1c3e2b22", Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
			}},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "app", Image: "registry.example.com:5000/shop/app:2026.5.1"}},
		},
	}
}

// spec is that of a Pod with an init container and a sidecar.
func spec() corev1.PodSpec {
	return corev1.PodSpec{
		InitContainers:                []corev1.Container{container("migrate", 0)},
		Containers:                    []corev1.Container{container("app", 1), container("proxy", 0)},
		Volumes:                       []corev1.Volume{configVolume(), tokenVolume()},
		RestartPolicy:                 corev1.RestartPolicyAlways,
		DNSPolicy:                     corev1.DNSClusterFirst,
		ServiceAccountName:            "checkout",
		TerminationGracePeriodSeconds: ptr.To(int64(30)),
		EnableServiceLinks:            ptr.To(false),
		SecurityContext:               &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), FSGroup: ptr.To(int64(2000))},
		Tolerations: []corev1.Toleration{{
			Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists,
			Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(300)),
		}},
	}
}

func stamp() metav1.Time { return metav1.Date(2026, time.May, 4, 10, 30, 0, 0, time.UTC) }

// managed is what a field manager owns of a Pod.
func managed(manager, subresource string, pod *corev1.Pod) metav1.ManagedFieldsEntry {
	at := stamp()
	owned := &metav1.FieldsV1{}
	if err := owned.UnmarshalJSON(fieldsOf(pod)); err != nil {
		owned = nil
	}
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &at,
		FieldsType: "FieldsV1", FieldsV1: owned, Subresource: subresource,
	}
}

// fieldsOf lists the fields of a Pod in the form of managed fields.
func fieldsOf(pod *corev1.Pod) []byte {
	data, err := json.Marshal(pod)
	if err != nil {
		return []byte("{}")
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return []byte("{}")
	}
	for _, head := range []string{"kind", "apiVersion"} {
		delete(tree, head)
	}
	fields, err := json.Marshal(fieldSet(tree))
	if err != nil {
		return []byte("{}")
	}
	return fields
}

func fieldSet(value any) map[string]any {
	set := map[string]any{}
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			set["f:"+name] = fieldSet(member)
		}
	case []any:
		for _, item := range v {
			if object, ok := item.(map[string]any); ok && object["name"] != nil {
				member := fieldSet(object)
				member["."] = map[string]any{}
				set[fmt.Sprintf("k:{\"name\":%q}", object["name"])] = member
			}
		}
	}
	return set
}
