// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"
	"unique"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Untyped returns of a webhook configuration what [Trim] leaves of it, and nil for anything else. To decode protobuf
// and take that over costs a fraction of what JSON does.
func Untyped(obj runtime.Object) *unstructured.Unstructured {
	encode := repeated(func(bundle []byte) string {
		return unique.Make(base64.StdEncoding.EncodeToString(bundle)).Value()
	})
	switch o := obj.(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		return untyped(Validating, &o.ObjectMeta, o.Webhooks, func(w *admissionv1.ValidatingWebhook) any {
			return untypedEntry(w.Name, &w.ClientConfig, encode)
		})
	case *admissionv1.MutatingWebhookConfiguration:
		return untyped(Mutating, &o.ObjectMeta, o.Webhooks, func(w *admissionv1.MutatingWebhook) any {
			return untypedEntry(w.Name, &w.ClientConfig, encode)
		})
	default:
		return nil
	}
}

func untyped[T any](kind Kind, meta *metav1.ObjectMeta, webhooks []T, entry func(*T) any) *unstructured.Unstructured {
	entries := make([]any, 0, len(webhooks))
	for i := range webhooks {
		entries = append(entries, entry(&webhooks[i]))
	}
	obj := untypedObject(kind, meta)
	obj.Object["webhooks"] = entries
	return obj
}

// untypedObject is an object with nothing but its metadata.
func untypedObject(kind Kind, meta *metav1.ObjectMeta) *unstructured.Unstructured {
	metadata := map[string]any{"name": meta.Name, "uid": string(meta.UID), "resourceVersion": meta.ResourceVersion}
	annotations := map[string]any{}
	for key, value := range meta.Annotations {
		if key != corev1.LastAppliedConfigAnnotation {
			annotations[key] = value
		}
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	if managed := untypedManaged(meta.ManagedFields); len(managed) > 0 {
		metadata["managedFields"] = managed
	}
	obj := &unstructured.Unstructured{Object: map[string]any{"metadata": metadata}}
	obj.SetGroupVersionKind(kind.gvk())
	return obj
}

func untypedEntry(name string, config *admissionv1.WebhookClientConfig, encode func([]byte) string) any {
	client := map[string]any{}
	if config.URL != nil {
		client["url"] = *config.URL
	}
	if s := config.Service; s != nil {
		service := map[string]any{"namespace": s.Namespace, "name": s.Name}
		if s.Path != nil {
			service["path"] = *s.Path
		}
		if s.Port != nil {
			service["port"] = int64(*s.Port)
		}
		client["service"] = service
	}
	if len(config.CABundle) > 0 {
		client["caBundle"] = encode(config.CABundle)
	}
	return map[string]any{"name": name, "clientConfig": client}
}

func untypedManaged(entries []metav1.ManagedFieldsEntry) []any {
	var all []any
	for _, entry := range entries {
		managed := map[string]any{"manager": entry.Manager, "operation": string(entry.Operation),
			"apiVersion": entry.APIVersion, "fieldsType": entry.FieldsType}
		if entry.Subresource != "" {
			managed["subresource"] = entry.Subresource
		}
		if entry.Time != nil {
			managed["time"] = entry.Time.UTC().Format(time.RFC3339)
		}
		var fields map[string]any
		ours := entry.Manager == DefaultFieldManager
		if f := entry.FieldsV1; f != nil && (ours || bytes.Contains(f.Raw, []byte(`"f:caBundle"`))) {
			_ = json.Unmarshal(f.Raw, &fields) // The API server has made it.
		}
		managed["fieldsV1"] = fields
		trimManaged(managed)
		all = append(all, managed)
	}
	return all
}
