// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

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

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// cluster is the cluster that has the manifests in it and nothing else. A review may go on when it was given up on, so
// that it is safe for concurrent use.
type cluster struct {
	scheme  *runtime.Scheme
	kinds   kinds
	objects map[schema.GroupVersionKind][]object
	named   map[objectName]object // the first of each name

	mu    sync.Mutex
	views map[string]filled
}

// filled is what is kept for a view, or why nothing can be.
type filled struct {
	store *view.Store
	err   error
}

type objectName struct {
	kind schema.GroupVersionKind
	client.ObjectKey
}

var _ view.Cluster = &cluster{}

func newCluster(scheme *runtime.Scheme, k kinds, objects []object) *cluster {
	c := &cluster{scheme: scheme, kinds: k, objects: map[schema.GroupVersionKind][]object{},
		named: map[objectName]object{}, views: map[string]filled{}}
	var made []object
	for _, o := range objects {
		if scaler, ok := o.autoscaler(); ok {
			made = append(made, scaler)
		}
		if secret, ok := o.secret(); ok {
			made = append(made, secret)
		}
	}
	for _, o := range slices.Concat(objects, made) {
		o = o.equivalent()
		c.objects[o.kind] = append(c.objects[o.kind], o)
		name := objectName{o.kind, client.ObjectKey{Namespace: o.namespace, Name: o.name}}
		if _, ok := c.named[name]; !ok {
			c.named[name] = o
		}
	}
	return c
}

// View implements [view.Cluster]. What is kept is made of the manifests when it is asked for first.
func (c *cluster) View(ctx context.Context, v view.Any, name client.ObjectKey) (*view.Store, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.views[view.Name(v)]
	if !ok {
		f.store, f.err = c.fill(ctx, v)
		c.views[view.Name(v)] = f
	}
	if f.err != nil || name.Name == "" || !view.Same(v, handler.NamespaceLabels()) {
		return f.store, f.err
	}
	if _, found := f.store.Get(name); !found {
		return nil, fmt.Errorf("no manifest is of that Namespace; add it, or name its labels, as in "+
			"--namespace-labels=%s:KEY=VALUE", name.Name)
	}
	return f.store, nil
}

func (c *cluster) fill(ctx context.Context, v view.Any) (*view.Store, error) {
	_, list := v.Of()
	list = list.DeepCopyObject().(client.ObjectList)
	if err := c.List(ctx, list); err != nil {
		return nil, err
	}
	return view.StoreOf(v, list)
}

// Get implements [client.Reader].
func (c *cluster) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	kind, err := apiutil.GVKForObject(obj, c.scheme)
	if err != nil {
		return err
	}
	if o, ok := c.named[objectName{kind, key}]; ok {
		return o.into(obj)
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
