// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
)

// patching sends a JSON patch to the object of a worker, and returns what is looked at of the answer: which revision it
// is, and who wrote what before.
type patching func(ctx context.Context, patch []byte, o metav1.PatchOptions) (*unstructured.Unstructured, error)

// patchWhole has the whole object for an answer.
func patchWhole(resource dynamic.ResourceInterface, target Target) patching {
	return func(ctx context.Context, patch []byte, o metav1.PatchOptions) (*unstructured.Unstructured, error) {
		written, err := resource.Patch(ctx, target.Name, types.JSONPatchType, patch, o)
		if err == nil {
			Trim(target.Kind, written)
		}
		return written, err
	}
}

// patchMetadata has the metadata alone for an answer, as protobuf: what the object has become comes with the watch, and
// to decode it twice would be a good part of what a write costs.
func patchMetadata(client metadata.Interface, target Target) patching {
	resource := client.Resource(target.Kind.gvr())
	return func(ctx context.Context, patch []byte, o metav1.PatchOptions) (*unstructured.Unstructured, error) {
		written, err := resource.Patch(ctx, target.Name, types.JSONPatchType, patch, o)
		if err != nil {
			return nil, err
		}
		for i := range written.ManagedFields {
			written.ManagedFields[i].FieldsV1 = nil // who wrote and when is enough
		}
		return untypedObject(target.Kind, &written.ObjectMeta), nil
	}
}
