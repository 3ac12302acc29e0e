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
		ListerWatcher: cache.NewListWatchFromClient(client.CertificatesV1().RESTClient(), resource, "",
			fields.OneTermEqualSelector("spec.signerName", signer)),
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

// trimmed takes out of each object what does not count as soon as it is read: a reflector holds all objects of a list
// until the last has come.
func trimmed(lw cache.ListerWatcher) *cache.ListWatch {
	inner := cache.ToListerWatcherWithContext(lw)
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := inner.ListWithContext(ctx, options)
			if err != nil {
				return nil, err
			}
			return list, meta.EachListItem(list, func(obj runtime.Object) error {
				trim(obj)
				return nil
			})
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

// trim leaves what the stores keep. Annotations stay on bookmarks, which have no name.
func trim(obj runtime.Object) {
	switch object := obj.(type) {
	case *corev1.Pod:
		*object = corev1.Pod{
			ObjectMeta: bare(&object.ObjectMeta), Status: corev1.PodStatus{Phase: object.Status.Phase},
			Spec: corev1.PodSpec{NodeName: object.Spec.NodeName, ServiceAccountName: object.Spec.ServiceAccountName},
		}
	case *corev1.ServiceAccount:
		*object = corev1.ServiceAccount{ObjectMeta: bare(&object.ObjectMeta)}
	case *corev1.Service:
		*object = corev1.Service{ObjectMeta: bare(&object.ObjectMeta),
			Spec: corev1.ServiceSpec{Type: object.Spec.Type, Selector: object.Spec.Selector}}
	}
}

// bare is the metadata that counts.
func bare(m *metav1.ObjectMeta) metav1.ObjectMeta {
	if m.Name == "" {
		return *m // A bookmark, whose annotation says that a streamed list is complete.
	}
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp, Labels: m.Labels}
}
