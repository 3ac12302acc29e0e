// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// WaitCarried returns nil as soon as [Publisher.Carries] does, and an error when ctx ends first.
func (p *Publisher) WaitCarried(ctx context.Context, ca *x509.Certificate) error {
	return p.injector.wait(ctx, "waiting for the CA in the live ClusterTrustBundle", func() error { return p.Carries(ca) })
}

// Carries returns nil when the live ClusterTrustBundle has ca, or when the API server serves no such kind. Unlike a
// webhook configuration, through which no one is called once it is deleted, one that is gone still counts: its clients
// trust nothing until it is there again.
func (p *Publisher) Carries(ca *x509.Certificate) error {
	if known := p.injector.views[0].get(); apierrors.IsNotFound(known.watchErr) {
		return nil
	}
	for _, e := range p.injector.Snapshot() {
		if bundle, _ := p.injector.parsed.parse(e.CABundle); bundle.Contains(ca) { // As in verify.
			return nil
		}
	}
	return fmt.Errorf("the ClusterTrustBundle %s does not carry the CA %s yet: %s", p.injector.views[0].target.Name,
		DescribeCertificate(ca), cmp.Or(p.Reason(), "it is written as soon as the API server takes it"))
}
