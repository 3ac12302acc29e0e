// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"crypto/x509"
	"net/netip"
	"slices"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// newAuthority is the built-in signer with a policy that admits this Service's certificates and no others.
func (b *Bootstrapper) newAuthority(id found) (*authority.Authority, error) {
	var own *authority.Authority
	own, err := authority.New(authority.Options{
		Client:     b.clients.kubernetes,
		Namespace:  b.options.Namespace,
		SecretName: b.options.CASecretName,
		Service:    b.options.Service,
		Policy:     b.signingPolicy(id),
		OnChange:   func() { b.authorityChanged(own) },
		AwaitTrust: b.awaitCarried(),
		OnStep:     b.report.Authority().Step,
		OnWarning:  b.report.Authority().Warning,
		OnFailure:  b.report.Authority().Failed,
		Serving:    b.Leaf,
	})
	return own, err
}

// signingPolicy admits the names and addresses of id that all replicas have in common, and every pod's own.
func (b *Bootstrapper) signingPolicy(id found) authority.Policy {
	names := identity.ServiceNames(id.Service, id.Namespace, id.ClusterDomain)
	extraNames, extraIPs := splitSANs(b.options.ExtraSANs)
	return authority.Policy{
		SignerName:    b.options.SignerName,
		Requester:     authority.ServiceAccountUser(b.options.Namespace, b.options.ServiceAccount),
		DNSNames:      append(names, extraNames...),
		Namespace:     b.options.Namespace,
		ClusterDomain: id.ClusterDomain,
		ExtraIPs:      slices.Concat(id.clusterIPs, extraIPs),
		MaxDuration:   b.options.Duration,
	}
}

// authorityPolicy publishes the CAs of the built-in signer as they are when it is asked, and no others.
func authorityPolicy(own *authority.Authority) func() trust.Policy {
	return own.TrustPolicy
}

// awaitCarried waits until every live caBundle has carried a CA for long enough that every API server has seen it. It
// is nil where somebody else keeps the caBundle: then nobody here knows.
func (b *Bootstrapper) awaitCarried() func(context.Context, *x509.Certificate) error {
	if len(b.options.WebhookConfigurations) == 0 {
		return nil
	}
	return func(ctx context.Context, ca *x509.Certificate) error {
		for {
			if err := b.injector.WaitCarried(ctx, ca); err != nil {
				return err
			}
			if err := timing.Sleep(ctx, propagation); err != nil {
				return err
			}
			if b.injector.Carries(ca) == nil {
				return nil
			}
		}
	}
}

// authorityChanged publishes the CAs as they are now, and renews what another CA has signed than the one that signs
// now: an old CA leaves the sooner the fewer depend on it.
func (b *Bootstrapper) authorityChanged(own *authority.Authority) {
	b.publish(authorityPolicy(own))
	b.report.Authority().State(own)
	if current := b.state.Pair(); current != nil && current.Leaf().CheckSignatureFrom(own.Signing()) != nil {
		b.Renew()
	}
}

// splitSANs tells addresses from names; both were validated with the identity.
func splitSANs(sans []string) (names []string, ips []netip.Addr) {
	for _, san := range sans {
		if ip, err := netip.ParseAddr(san); err == nil {
			ips = append(ips, ip.Unmap())
			continue
		}
		names = append(names, san)
	}
	return names, ips
}

// runAuthority follows the CA from the first certificate on.
func (b *Bootstrapper) runAuthority(ctx context.Context, own *authority.Authority) error {
	select {
	case <-b.served:
		return own.Run(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
