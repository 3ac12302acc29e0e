// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestUntypedIsWhatTrimLeaves, for what the API server would send as JSON.
func TestUntypedIsWhatTrimLeaves(t *testing.T) {
	url, path, port, now := "https://example.com", "/validate", int32(8443), metav1.NewTime(time.Unix(1e9, 0))
	meta := metav1.ObjectMeta{
		Name: "web", UID: "uid", ResourceVersion: "7", Generation: 3, Labels: map[string]string{"a": "b"},
		Annotations: map[string]string{"c": "d", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
		ManagedFields: []metav1.ManagedFieldsEntry{
			{Manager: "kubectl", Operation: "Apply", APIVersion: "v1", FieldsType: "FieldsV1", Time: &now,
				FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:metadata":{"f:labels":{}}}`)}},
			{Manager: "other", Operation: "Update", APIVersion: "v1", FieldsType: "FieldsV1", Subresource: "status",
				FieldsV1: &metav1.FieldsV1{Raw: []byte(
					`{"f:webhooks":{"k:{\"name\":\"a\"}":{"f:clientConfig":{"f:caBundle":{}},"f:rules":{}}}}`)}},
			{Manager: DefaultFieldManager, Operation: "Update", APIVersion: "v1", FieldsType: "FieldsV1",
				FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:webhooks":{"f:rules":{}}}`)}},
		},
	}
	configs := []admissionv1.WebhookClientConfig{
		{URL: &url},
		{CABundle: []byte("some"), Service: &admissionv1.ServiceReference{Namespace: "n", Name: "s", Path: &path, Port: &port}},
		{Service: &admissionv1.ServiceReference{Namespace: "n", Name: "s"}},
	}
	validating := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: meta}
	mutating := &admissionv1.MutatingWebhookConfiguration{ObjectMeta: *meta.DeepCopy()}
	for i, config := range configs {
		name, fail := string(rune('a'+i)), admissionv1.Fail
		validating.Webhooks = append(validating.Webhooks,
			admissionv1.ValidatingWebhook{Name: name, ClientConfig: config, FailurePolicy: &fail})
		mutating.Webhooks = append(mutating.Webhooks,
			admissionv1.MutatingWebhook{Name: name, ClientConfig: config, FailurePolicy: &fail})
	}
	for kind, typed := range map[Kind]runtime.Object{Validating: validating, Mutating: mutating} {
		typed.GetObjectKind().SetGroupVersionKind(kind.gvk())
		data, err := json.Marshal(typed)
		if err != nil {
			t.Fatal(err)
		}
		want := &unstructured.Unstructured{}
		if err := want.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		Trim(kind, want)
		if diff := cmp.Diff(want.Object, Untyped(typed).Object); diff != "" {
			t.Errorf("%s (-trimmed +untyped):\n%s", kind, diff)
		}
	}
	if got := Untyped(&metav1.Status{}); got != nil {
		t.Errorf("a status became %v", got)
	}
}
