// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// reader is where the objects of a kind are read. Webhook configurations, of which there are the most, come as protobuf
// if the client says so: to decode JSON would be the most that a change costs.
func (o Options) reader(kind trust.Kind) follow.Reader {
	if o.Kubernetes == nil {
		return o.Client.Resource(kind.Resource())
	}
	api := o.Kubernetes.AdmissionregistrationV1()
	switch kind {
	case trust.Validating:
		return configurations{
			list: func(ctx context.Context, page metav1.ListOptions) (*unstructured.UnstructuredList, error) {
				list, err := api.ValidatingWebhookConfigurations().List(ctx, page)
				if err != nil {
					return nil, err
				}
				return untyped(list.ListMeta, len(list.Items), func(i int) *unstructured.Unstructured {
					return trust.Untyped(&list.Items[i])
				}), nil
			},
			watch: api.ValidatingWebhookConfigurations().Watch,
		}
	case trust.Mutating:
		return configurations{
			list: func(ctx context.Context, page metav1.ListOptions) (*unstructured.UnstructuredList, error) {
				list, err := api.MutatingWebhookConfigurations().List(ctx, page)
				if err != nil {
					return nil, err
				}
				return untyped(list.ListMeta, len(list.Items), func(i int) *unstructured.Unstructured {
					return trust.Untyped(&list.Items[i])
				}), nil
			},
			watch: api.MutatingWebhookConfigurations().Watch,
		}
	default:
		return o.Client.Resource(kind.Resource())
	}
}

// configurations reads webhook configurations, and leaves of each what is looked at as soon as it is decoded.
type configurations struct {
	list  func(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// List implements [follow.Reader].
func (c configurations) List(ctx context.Context, o metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	return c.list(ctx, o)
}

// Watch implements [follow.Reader].
func (c configurations) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	events, err := c.watch(ctx, o)
	if err != nil {
		return nil, err
	}
	return watch.Filter(events, func(event watch.Event) (watch.Event, bool) {
		if small := trust.Untyped(event.Object); small != nil { // A status says why the watch ends.
			event.Object = small
		}
		return event, true
	}), nil
}

func untyped(meta metav1.ListMeta, count int, at func(int) *unstructured.Unstructured) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{Object: map[string]any{}}
	list.SetResourceVersion(meta.ResourceVersion)
	list.SetContinue(meta.Continue)
	for i := range count {
		list.Items = append(list.Items, *at(i))
	}
	return list
}
