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
	list, err := listOf(obj, kind.GroupVersion().WithKind(kind.Kind+"List"))
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

// listOf makes an empty list of the type of an object.
func listOf(obj client.Object, kind schema.GroupVersionKind) (client.ObjectList, error) {
	var list client.ObjectList
	switch obj.(type) {
	case *metav1.PartialObjectMetadata:
		list = &metav1.PartialObjectMetadataList{}
	case runtime.Unstructured:
		list = &unstructured.UnstructuredList{}
	default:
		made, err := scheme.Scheme.New(kind)
		if err != nil {
			return nil, fmt.Errorf("making a list of %T: %w", obj, err)
		}
		return made.(client.ObjectList), nil
	}
	list.GetObjectKind().SetGroupVersionKind(kind)
	return list, nil
}

// itemOf makes an empty object of the type that a list is of, as it was given to Add.
func itemOf(list client.ObjectList) (client.Object, error) {
	kind, err := apiutil.GVKForObject(list, scheme.Scheme)
	if err != nil {
		return nil, fmt.Errorf("finding out the kind of %T: %w", list, err)
	}
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	var obj client.Object
	switch list.(type) {
	case *metav1.PartialObjectMetadataList:
		obj = &metav1.PartialObjectMetadata{}
	case runtime.Unstructured:
		obj = &unstructured.Unstructured{}
	default:
		made, err := scheme.Scheme.New(kind)
		if err != nil {
			return nil, fmt.Errorf("making an item of %T: %w", list, err)
		}
		return made.(client.Object), nil
	}
	obj.GetObjectKind().SetGroupVersionKind(kind)
	return obj, nil
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
