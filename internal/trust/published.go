// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/x509"
)

// WaitCarried returns nil as soon as the live ClusterTrustBundle has ca, and an error when ctx ends first.
func (p *Publisher) WaitCarried(ctx context.Context, ca *x509.Certificate) error {
	return p.injector.WaitCarried(ctx, ca)
}

// Carries returns nil when the live ClusterTrustBundle has ca.
func (p *Publisher) Carries(ca *x509.Certificate) error { return p.injector.Carries(ca) }
