// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// mostLists is how many lists of one kind are asked for: one for each namespace, or one for all of them.
const mostLists = 3

// gathering is one call of Cluster.
type gathering struct {
	Options

	config *rest.Config
	client kubernetes.Interface
	facts  *doctor.Facts
	wanted []string // namespaces whose objects are listed; none for all
}

func newGathering(o Options) (*gathering, error) {
	if o.Config == nil {
		return nil, errors.New("no API server is known: set Options.Config")
	}
	cfg := rest.CopyConfig(o.Config)
	if cfg.QPS == 0 {
		cfg.QPS = -1 // A list is many pages. The API server bounds what it takes on.
	}
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	typed, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	return &gathering{Options: o, config: o.Config, client: typed, facts: &doctor.Facts{
		Now: o.Now(), Handshakes: map[string][]doctor.Handshake{}, Stored: map[doctor.Object]doctor.StoredCA{},
	}}, nil
}

// entries reads everything that has a caBundle. If none of the kinds can be read, there is nothing to judge.
func (g *gathering) entries(ctx context.Context) error {
	admission := g.client.AdmissionregistrationV1()
	var failed error
	kinds := 0
	read := func(resource string, list func() error) {
		g.Progress("reading " + resource)
		kinds++
		if err := list(); err != nil {
			failed = errors.Join(failed, err)
			kinds--
			g.unread(resource, "", err)
		}
	}
	add := func(entries []doctor.Entry) { g.facts.All = append(g.facts.All, entries...) }
	read("validatingwebhookconfigurations", func() error {
		return pages(ctx, g.PageSize, admission.ValidatingWebhookConfigurations().List,
			func(l *admissionregistrationv1.ValidatingWebhookConfigurationList) {
				for i := range l.Items {
					add(doctor.FromValidating(&l.Items[i]))
				}
			})
	})
	read("mutatingwebhookconfigurations", func() error {
		return pages(ctx, g.PageSize, admission.MutatingWebhookConfigurations().List,
			func(l *admissionregistrationv1.MutatingWebhookConfigurationList) {
				for i := range l.Items {
					add(doctor.FromMutating(&l.Items[i]))
				}
			})
	})
	read("customresourcedefinitions", func() error { return g.conversions(ctx, add) })
	read("apiservices", func() error { return g.apiServices(ctx, add) })
	if kinds == 0 {
		return fmt.Errorf("reading webhook configurations, and whatever else has a caBundle: %w", failed)
	}
	for i := range g.facts.All {
		if g.wants(&g.facts.All[i]) {
			g.facts.Entries = append(g.facts.Entries, g.facts.All[i])
		}
	}
	return nil
}

// objects reads what is behind the entries.
func (g *gathering) objects(ctx context.Context) {
	g.wanted = g.namespaces()
	f, core, apps := g.facts, g.client.CoreV1(), g.client.AppsV1()
	g.each("services", func(ns string) error {
		return pages(ctx, g.PageSize, core.Services(ns).List, func(l *corev1.ServiceList) {
			f.Services = append(f.Services, pointers(l.Items, trimService)...)
		})
	})
	of := g.called()
	g.each("endpointslices", func(ns string) error {
		return pages(ctx, g.PageSize, g.client.DiscoveryV1().EndpointSlices(ns).List, func(l *discoveryv1.EndpointSliceList) {
			f.EndpointSlices = append(f.EndpointSlices, pointers(l.Items, of.slice)...)
		})
	})
	g.each("pods", func(ns string) error {
		return pages(ctx, g.PageSize, core.Pods(ns).List, func(l *corev1.PodList) {
			f.Pods = append(f.Pods, pointers(l.Items, of.pod)...)
		})
	})
	g.each("networkpolicies", func(ns string) error {
		return pages(ctx, g.PageSize, g.client.NetworkingV1().NetworkPolicies(ns).List,
			func(l *networkingv1.NetworkPolicyList) {
				f.Policies = append(f.Policies, pointers(l.Items, of.policy)...)
			})
	})
	g.each("deployments", func(ns string) error {
		return pages(ctx, g.PageSize, apps.Deployments(ns).List, func(l *appsv1.DeploymentList) {
			f.Deployments = append(f.Deployments, pointers(l.Items, of.deployment)...)
		})
	})
	g.each("statefulsets", func(ns string) error {
		return pages(ctx, g.PageSize, apps.StatefulSets(ns).List, func(l *appsv1.StatefulSetList) {
			f.StatefulSets = append(f.StatefulSets, pointers(l.Items, of.statefulSet)...)
		})
	})
	g.once("daemonsets", func() error {
		return pages(ctx, g.PageSize, apps.DaemonSets("").List, func(l *appsv1.DaemonSetList) {
			f.DaemonSets = append(f.DaemonSets, pointers(l.Items, trimDaemonSet)...)
		})
	})
	g.once("namespaces", func() error {
		return pages(ctx, g.PageSize, core.Namespaces().List, func(l *corev1.NamespaceList) {
			f.Namespaces = append(f.Namespaces, pointers(l.Items, trimNamespace)...)
		})
	})
}

// namespaces are those that the entries call, if they are few enough for a list each; of a user who asks for one
// namespace, that one.
func (g *gathering) namespaces() []string {
	if g.Namespace != "" {
		return []string{g.Namespace}
	}
	seen := map[string]bool{}
	var all []string
	for i := range g.facts.All {
		s := g.facts.All[i].ClientConfig.Service
		if s != nil && !seen[s.Namespace] {
			seen[s.Namespace] = true
			all = append(all, s.Namespace)
		}
	}
	switch {
	case len(all) == 0:
		return []string{metav1.NamespaceSystem} // Nothing is called, and nothing needs to be read.
	case len(all) > mostLists:
		return []string{metav1.NamespaceAll}
	}
	return all
}

// each lists a kind in the namespaces.
func (g *gathering) each(resource string, list func(namespace string) error) {
	g.Progress("reading " + resource)
	for _, namespace := range g.wanted {
		if err := list(namespace); err != nil {
			g.unread(resource, namespace, err)
		}
	}
}

func (g *gathering) once(resource string, list func() error) {
	g.Progress("reading " + resource)
	if err := list(); err != nil {
		g.unread(resource, "", err)
	}
}

// unread notes what could not be read.
func (g *gathering) unread(resource, namespace string, err error) {
	where := "in all namespaces"
	if namespace != "" {
		where = "in namespace " + namespace
	}
	reason := fmt.Sprintf("%s %s cannot be listed: %v", resource, where, err)
	if apierrors.IsForbidden(err) || refusal.Of(err).Kind == refusal.Rule {
		reason = fmt.Sprintf("%s %s may not be listed: grant the verb list on %s: %v", resource, where, resource, err)
	}
	g.facts.Unread = append(g.facts.Unread, doctor.Unread{Resource: resource, Namespace: namespace, Reason: reason})
}

// list is a list of the API.
type list interface{ GetContinue() string }

// pages reads a list page by page. One that takes longer than the API server keeps its state goes on with the state of
// then.
func pages[L list](
	ctx context.Context, size int64, read func(context.Context, metav1.ListOptions) (L, error), visit func(L),
) error {
	options := metav1.ListOptions{Limit: size}
	for {
		page, err := read(ctx, options)
		if status := apierrors.APIStatus(nil); apierrors.IsResourceExpired(err) && errors.As(err, &status) &&
			status.Status().Continue != "" && status.Status().Continue != options.Continue {
			options.Continue = status.Status().Continue
			continue
		}
		if err != nil {
			return err
		}
		visit(page)
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// pointers are those of the items that keep leaves, each in memory of its own, so that the page can go.
func pointers[T any](items []T, keep func(*T) bool) []*T {
	var kept []*T
	for i := range items {
		if keep(&items[i]) {
			one := items[i]
			kept = append(kept, &one)
		}
	}
	return kept
}
