// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	kjson "sigs.k8s.io/json"
)

// cluster is the cluster that has the manifests in it and nothing else.
type cluster struct {
	scheme  *runtime.Scheme
	kinds   kinds
	objects map[schema.GroupVersionKind][]object
}

var _ client.Reader = &cluster{}

func newCluster(scheme *runtime.Scheme, k kinds, objects []object) *cluster {
	c := &cluster{scheme: scheme, kinds: k, objects: map[schema.GroupVersionKind][]object{}}
	for _, o := range objects {
		o = o.equivalent()
		c.objects[o.kind] = append(c.objects[o.kind], o)
	}
	return c
}

// Get implements [client.Reader].
func (c *cluster) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	kind, err := apiutil.GVKForObject(obj, c.scheme)
	if err != nil {
		return err
	}
	for _, o := range c.objects[kind] {
		if o.name == key.Name && o.namespace == key.Namespace {
			return o.into(obj)
		}
	}
	return apierrors.NewNotFound(c.kinds.resource(kind).GroupResource(), key.Name)
}

// List implements [client.Reader], with selectors of labels and namespaces.
func (c *cluster) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	kind, err := apiutil.GVKForObject(list, c.scheme)
	if err != nil {
		return err
	}
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	var options client.ListOptions
	options.ApplyOptions(opts)
	if options.FieldSelector != nil && !options.FieldSelector.Empty() {
		return errors.New("manifests cannot be selected by fields")
	}
	var items []runtime.Object
	for _, o := range c.objects[kind] {
		if options.Namespace != "" && options.Namespace != o.namespace ||
			options.LabelSelector != nil && !options.LabelSelector.Matches(labels.Set(o.labels)) {
			continue
		}
		item, err := c.item(list, kind)
		if err != nil {
			return err
		}
		if err := o.into(item); err != nil {
			return err
		}
		items = append(items, item)
	}
	return meta.SetList(list, items)
}

// item makes an empty item for a list.
func (c *cluster) item(list client.ObjectList, kind schema.GroupVersionKind) (runtime.Object, error) {
	switch list.(type) {
	case *metav1.PartialObjectMetadataList:
		return &metav1.PartialObjectMetadata{}, nil
	case runtime.Unstructured:
		return &unstructured.Unstructured{}, nil
	}
	return c.scheme.New(kind)
}

func (o object) into(obj runtime.Object) error {
	var into any = obj
	if u, ok := obj.(*unstructured.Unstructured); ok {
		u.Object = map[string]any{}
		into = &u.Object
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(o.raw, into); err != nil {
		return fmt.Errorf("reading %s %s of %s: %w", o.kind.Kind, o.name, o.file, err)
	}
	return nil
}
