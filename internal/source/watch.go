// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// Calm is how long after the start whatever can wait for it is begun.
const Calm = time.Second

// followed is something in the cluster that the certificate depends on.
type followed struct {
	resource dynamic.ResourceInterface
	kind     schema.GroupVersionKind
	selector fields.Selector
	// rule is the RBAC rule that it takes.
	rule string
	// optional is what older clusters do not serve. They say that it is forbidden, for the rule that lets everybody read
	// it comes with it.
	optional bool
	changed  func([]*unstructured.Unstructured)
}

// follow watches what the certificate depends on, until ctx ends: the file from the start, for it costs no request, and
// what is in the cluster once we are ready, or once we cannot become so because no CA verifies what the signer
// issued, or the Service cannot be called.
func (s *CSR) follow(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	sources := s.Profile.CASources()
	if path := s.CAFile; path != "" && slices.Contains(sources, signer.SourceFile) {
		running.Go(func() { serving.WatchFile(ctx, path, s.Changed.Set) })
	}
	select {
	case <-s.Ready:
		// The start, with its burst of requests, comes first. What changes during that time is seen when the watches begin.
		if err := timing.Sleep(ctx, Calm); err != nil {
			return err
		}
	case <-s.cas.stuck:
	case <-s.Service.uncallable:
	case <-ctx.Done():
		return ctx.Err()
	}
	changed := func([]*unstructured.Unstructured) { s.Changed.Set() }
	all := []followed{s.named("services", "Service", s.Inputs.Service, s.serviceChanged)}
	if slices.Contains(sources, signer.SourceTrustBundle) {
		all = append(all, s.trustBundles(changed))
	}
	if slices.Contains(sources, signer.SourceRootCAConfigMap) {
		all = append(all, s.named("configmaps", "ConfigMap", signer.RootCAConfigMapName, changed))
	}
	for _, one := range all {
		running.Go(func() { one.run(ctx) })
	}
	<-ctx.Done()
	return ctx.Err()
}

// serviceChanged is told of the Service, whose ClusterIPs are names of the certificate.
func (o Options) serviceChanged(objects []*unstructured.Unstructured) {
	if o.Service.seen(objects) {
		o.Changed.Set()
	}
}

// named is the one core object of that name in our namespace.
func (o Options) named(resource, kind, name string, changed func([]*unstructured.Unstructured)) followed {
	core := corev1.SchemeGroupVersion
	return followed{
		resource: o.Dynamic.Resource(core.WithResource(resource)).Namespace(o.Inputs.Namespace),
		kind:     core.WithKind(kind),
		selector: follow.ByName(name),
		rule: fmt.Sprintf("{apiGroups: [%q], resources: [%s], resourceNames: [%s], verbs: [list, watch]}", core.Group,
			resource, name),
		changed: changed,
	}
}

func (o Options) trustBundles(changed func([]*unstructured.Unstructured)) followed {
	return followed{
		resource: o.Dynamic.Resource(certificatesv1.SchemeGroupVersion.WithResource("clustertrustbundles")),
		kind:     certificatesv1.SchemeGroupVersion.WithKind("ClusterTrustBundle"),
		selector: fields.OneTermEqualSelector("spec.signerName", o.Profile.Name()),
		rule:     "{apiGroups: [certificates.k8s.io], resources: [clustertrustbundles], verbs: [list, watch]}",
		optional: true,
		changed:  changed,
	}
}

// run follows until ctx ends. It says once what keeps it from that.
func (f followed) run(ctx context.Context) {
	logger := klog.FromContext(ctx).WithValues("kind", f.kind.Kind, "selector", f.selector.String())
	var news timing.News
	follow.Run(ctx, follow.Options{
		Name: f.kind.Kind, Resource: f.resource, Selector: f.selector, Kind: f.kind,
		Store: &follow.Objects{Changed: f.changed},
		Report: func(err error) {
			kind := refusal.Of(err).Kind
			switch {
			case !news.Is(err):
			case f.optional && (kind == refusal.Rule || apierrors.IsNotFound(err)):
				logger.V(1).Info("Nothing to follow: this API server does not serve it, or an RBAC rule is missing",
					"rule", f.rule, "reason", err.Error())
			case kind != refusal.None:
				logger.Info("Changes are not noticed", "advice", refusal.Advice(err, "grant "+f.rule), "reason", err.Error())
			default:
				logger.Info("Changes are noticed late, the watch failed", "reason", err.Error())
			}
		},
	})
}
