// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// kubeletDelay is how long a kubelet may hold an old ClusterTrustBundle (five minutes), and a little more.
const kubeletDelay = 6 * time.Minute

// keeping is what keeps the caBundles of objects that opt in.
type keeping struct {
	kept     *keeper.Keeper   // nil with --keep-ca-bundles=false
	replicas *keeper.Replicas // nil if this process is alone
	client   dynamic.Interface
}

func newKeeping(o *authorityOptions, cfg *rest.Config) (keeping, error) {
	var k keeping
	if !o.keepBundles {
		return k, nil
	}
	cfg = rest.CopyConfig(cfg)
	cfg.QPS = -1 // The keeper has a limit for its writes, for which no write in progress waits.
	var err error
	typed := rest.CopyConfig(cfg)
	typed.ContentType = runtime.ContentTypeProtobuf
	if k.client, err = dynamic.NewForConfig(cfg); err != nil {
		return k, fmt.Errorf("making the dynamic client for the API server %s: %w", cfg.Host, err)
	}
	reading, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return k, fmt.Errorf("making the client for the API server %s: %w", cfg.Host, err)
	}
	writing, err := metadata.NewForConfig(cfg)
	if err != nil {
		return k, fmt.Errorf("making the metadata client for the API server %s: %w", cfg.Host, err)
	}
	options := keeper.Options{
		Client: k.client, Metadata: writing, Kubernetes: reading, Overlap: o.overlap, Registerer: ctrlmetrics.Registry,
	}
	if o.replicas != "" {
		k.replicas = keeper.NewReplicas(o.podName)
		options.Rank = k.replicas.Rank
	}
	k.kept, err = keeper.New(options)
	return k, err
}

// runKeeper has caBundles kept until ctx ends.
func (k *keeping) runKeeper(ctx context.Context, group *errgroup.Group, o *authorityOptions) {
	if k.kept == nil {
		return
	}
	group.Go(func() error { return k.kept.Run(ctx) })
	if k.replicas != nil {
		group.Go(func() error { k.replicas.Follow(ctx, k.client, o.namespace, o.replicas); return nil })
	}
}

// publish tells of a change of the CA.
func (p *authorityParts) publish() {
	p.publisher.Publish(p.ca)
	if p.kept != nil {
		p.kept.Publish(p.ca)
	}
}

// ready returns an error while requests cannot be answered, or not everything has been read that is to be kept.
func (p *authorityParts) ready() error {
	if err := p.signer.Ready(); err != nil || p.kept == nil {
		return err
	}
	return p.kept.Synced()
}

// awaitTrust waits until the ClusterTrustBundle and all caBundles have carried a CA for long enough that every Pod that
// mounts the one has it, and every API server has the others.
func (p *authorityParts) awaitTrust(ctx context.Context, ca *x509.Certificate) error {
	for {
		if err := p.publisher.WaitCarried(ctx, ca); err != nil {
			return err
		}
		if err := p.awaitBundles(ctx, ca); err != nil {
			return err
		}
		if err := timing.Sleep(ctx, kubeletDelay); err != nil {
			return err
		}
		if p.publisher.Carries(ca) == nil && (p.kept == nil || p.kept.Carried(ca) == nil) {
			return nil
		}
	}
}

func (p *authorityParts) awaitBundles(ctx context.Context, ca *x509.Certificate) error {
	if p.kept == nil {
		return nil
	}
	return p.kept.WaitCarried(ctx, ca)
}
