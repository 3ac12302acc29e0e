// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/hookstrap/hookstrap/internal/view"
)

// everyObject is the key of all objects that are kept whole.
const everyObject = ""

// whole keeps objects whole, but for what is about who wrote them.
func whole(name string, obj client.Object) (view.Any, error) {
	kind, err := apiutil.GVKForObject(obj, scheme.Scheme)
	if err != nil {
		return nil, fmt.Errorf("finding out the kind of %T: %w", obj, err)
	}
	list, err := alike[client.ObjectList]("a list", obj, kind.GroupVersion().WithKind(kind.Kind+"List"),
		&metav1.PartialObjectMetadataList{}, &unstructured.UnstructuredList{})
	if err != nil {
		return nil, err
	}
	return view.New(name, obj, list, func(obj client.Object) (view.Kept[client.Object], bool) {
		// The object is the store's own: no other code has it.
		obj.GetObjectKind().SetGroupVersionKind(kind)
		obj.SetManagedFields(nil)
		if annotations := obj.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
			delete(annotations, corev1.LastAppliedConfigAnnotation)
			obj.SetAnnotations(annotations)
		}
		return view.Kept[client.Object]{Value: obj, Keys: []view.Key{{Text: everyObject}}}, true
	}), nil
}

// itemOf makes an empty object of the type that a list is of, as it was given to Add.
func itemOf(list client.ObjectList) (client.Object, error) {
	kind, err := apiutil.GVKForObject(list, scheme.Scheme)
	if err != nil {
		return nil, fmt.Errorf("finding out the kind of %T: %w", list, err)
	}
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	return alike[client.Object]("an item", list, kind, &metav1.PartialObjectMetadata{}, &unstructured.Unstructured{})
}

// alike makes an empty object of a kind, in the same representation as another object: one of the two that any kind can
// have, or the Go type of the kind.
func alike[T runtime.Object](what string, other runtime.Object, kind schema.GroupVersionKind, metadata, untyped T) (
	made T, err error,
) {
	switch other.(type) {
	case *metav1.PartialObjectMetadata, *metav1.PartialObjectMetadataList:
		made = metadata
	case runtime.Unstructured:
		made = untyped
	default:
		typed, err := scheme.Scheme.New(kind)
		if err != nil {
			return made, fmt.Errorf("making %s of %T: %w", what, other, err)
		}
		made = typed.(T)
	}
	made.GetObjectKind().SetGroupVersionKind(kind)
	return made, nil
}

// wholeView is the view of objects of a type that are kept whole; it cannot fill a store.
func wholeView(obj client.Object) *view.View[client.Object] {
	return view.New(view.Name(obj), obj, nil, func(obj client.Object) (view.Kept[client.Object], bool) {
		return view.Kept[client.Object]{Value: obj}, true
	})
}

// listWhole reads objects that are kept whole.
func (c *Cache) listWhole(ctx context.Context, list client.ObjectList, options client.ListOptions) error {
	if options.FieldSelector != nil && !options.FieldSelector.Empty() {
		return fmt.Errorf("selecting %T by fields: the cache has no index of them; keep a view with keys", list)
	}
	obj, err := itemOf(list)
	if err != nil {
		return err
	}
	var items []runtime.Object
	query := view.Query{Key: everyObject, In: options.Namespace}
	share := options.UnsafeDisableDeepCopy != nil && *options.UnsafeDisableDeepCopy
	err = wholeView(obj).Find(ctx, c, query, func(found view.Found[client.Object]) bool {
		item := found.Value
		if options.LabelSelector == nil || options.LabelSelector.Matches(labels.Set(item.GetLabels())) {
			if !share {
				item = item.DeepCopyObject().(client.Object)
			}
			items = append(items, item)
		}
		return options.Limit == 0 || int64(len(items)) < options.Limit
	})
	if err != nil {
		return err
	}
	return meta.SetList(list, items)
}
