// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// newPublisher prepares the ClusterTrustBundle, through which others than the API server learn our CA.
func (b *Bootstrapper) newPublisher() (*trust.Publisher, error) {
	return trust.NewPublisher(trust.PublisherOptions{
		Client:     b.clients.dynamic,
		SignerName: b.options.SignerName,
		Service:    types.NamespacedName{Namespace: b.options.Namespace, Name: b.options.Service},
		Observer:   b.report.Observer(),
	})
}

// runPublisher keeps the ClusterTrustBundle from when we are ready: our own start comes first.
func (b *Bootstrapper) runPublisher(ctx context.Context) error {
	if b.publisher == nil {
		return nil
	}
	select {
	case <-b.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := timing.Sleep(ctx, calm); err != nil {
		return err
	}
	return b.publisher.Run(ctx)
}
