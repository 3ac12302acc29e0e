// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"fmt"
	"sync"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/relist"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// run follows the three kinds until ctx ends.
func (c *cluster) run(ctx context.Context, client kubernetes.Interface) {
	var watches sync.WaitGroup
	follow := func(resource string, object runtime.Object, into cache.ReflectorStore) {
		all := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), resource, "", fields.Everything())
		watches.Go(func() {
			relist.Run(ctx, relist.Options{
				Name: resource, Object: object, Store: into, ListerWatcher: trimmed(all), Failed: complaint(ctx, resource, ""),
			})
		})
	}
	follow("pods", &corev1.Pod{}, &c.pods)
	follow("serviceaccounts", &corev1.ServiceAccount{}, &c.serviceAccounts)
	follow("services", &corev1.Service{}, &c.services)
	watches.Wait()
}

// followCSRs follows the CertificateSigningRequests of a signer until ctx ends.
func followCSRs(ctx context.Context, client kubernetes.Interface, signer string, into cache.ReflectorStore) {
	const resource = "certificatesigningrequests"
	relist.Run(ctx, relist.Options{
		Name: resource, Object: &certificatesv1.CertificateSigningRequest{}, Store: into,
		ListerWatcher: trimmed(cache.NewListWatchFromClient(client.CertificatesV1().RESTClient(), resource, "",
			fields.OneTermEqualSelector("spec.signerName", signer))),
		Failed: complaint(ctx, resource, certificatesv1.GroupName),
	})
}

// complaint logs that a kind cannot be followed, once for each reason.
func complaint(ctx context.Context, resource, group string) func(error) {
	return timing.Once(func(err error) {
		err = refusal.Explain("watching "+resource, err, fmt.Sprintf("grant {apiGroups: [%q], resources: [%s], verbs: "+
			"[list, watch]} in all namespaces", group, resource), "")
		klog.FromContext(ctx).Error(err, "Cannot watch, will try again")
	})
}

// page is how many objects of a list are read at a time where the API server cannot stream it: each may have a megabyte
// and a half, and is held as text and decoded.
const page = 50

// trimmed takes out of each object what does not count as soon as it is read: a reflector holds all objects of a list
// until the last has come. It is for a reflector of the API's types.
func trimmed(lw cache.ListerWatcher) *cache.ListWatch {
	inner := cache.ToListerWatcherWithContext(lw)
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return inPages(ctx, inner, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := inner.WatchWithContext(ctx, options)
			if err != nil {
				return nil, err
			}
			return watch.Filter(events, func(event watch.Event) (watch.Event, bool) {
				trim(event.Object)
				return event, true
			}), nil
		},
	}
}

// inPages lists the objects that there are now, a page at a time. The API server gives a list of its memory, which is
// what a reflector asks for at first, as a whole.
func inPages(
	ctx context.Context, inner cache.ListerWatcherWithContext, options metav1.ListOptions,
) (runtime.Object, error) {
	options.Limit, options.ResourceVersion, options.ResourceVersionMatch = page, "", ""
	var items []runtime.Object
	for {
		list, err := inner.ListWithContext(ctx, options)
		if err != nil {
			return nil, err
		}
		err = meta.EachListItem(list, func(obj runtime.Object) error {
			trim(obj)
			items = append(items, obj)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the items of a list: %w", err)
		}
		of, err := meta.ListAccessor(list)
		if err != nil {
			return nil, fmt.Errorf("reading a list: %w", err)
		}
		if options.Continue = of.GetContinue(); options.Continue == "" {
			return list, meta.SetList(list, items)
		}
	}
}
