// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/x509"
	"net/netip"
	"slices"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/rollover"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// newAuthority is the built-in signer with a policy that admits this Service's certificates and no others.
func (o Options) newAuthority(id who) (*authority.Authority, error) {
	var own *authority.Authority
	own, err := authority.New(authority.Options{
		Client:     o.Kubernetes,
		Namespace:  o.Inputs.Namespace,
		SecretName: o.CASecretName,
		Service:    o.Inputs.Service,
		Policy:     o.signingPolicy(id),
		OnChange:   func() { o.authorityChanged(own) },
		AwaitTrust: o.awaitCarried(),
		OnStep:     o.Report.Authority().Step,
		OnWarning:  o.Report.Authority().Warning,
		OnFailure:  o.Report.Authority().Failed,
		Serving:    o.State.Leaf,
	})
	return own, err
}

// signingPolicy admits the names and addresses of id that all replicas have in common, and every pod's own.
func (o Options) signingPolicy(id who) authority.Policy {
	names := identity.ServiceNames(id.Service, id.Namespace, id.ClusterDomain)
	extraNames, extraIPs := splitSANs(o.Inputs.ExtraSANs)
	return authority.Policy{
		SignerName:    o.Profile.Name(),
		Requester:     authority.ServiceAccountUser(o.Inputs.Namespace, o.ServiceAccount),
		DNSNames:      append(names, extraNames...),
		Namespace:     o.Inputs.Namespace,
		ClusterDomain: id.ClusterDomain,
		ExtraIPs:      slices.Concat(id.clusterIPs, extraIPs),
		MaxDuration:   o.Duration,
	}
}

// awaitCarried waits until every live caBundle has carried a CA for long enough that every API server has seen it. It
// is nil where somebody else keeps the caBundle: then it is unknown here.
func (o Options) awaitCarried() func(context.Context, *x509.Certificate) error {
	if o.ExternalTrust {
		return nil
	}
	return func(ctx context.Context, ca *x509.Certificate) error {
		for {
			if err := o.Injector.WaitCarried(ctx, ca); err != nil {
				return err
			}
			if err := timing.Sleep(ctx, rollover.Propagation); err != nil {
				return err
			}
			if o.Injector.Carries(ca) == nil {
				return nil
			}
		}
	}
}

// authorityChanged publishes the CAs as they are now, and renews what another CA has signed than the one that signs
// now: an old CA leaves the sooner the fewer depend on it.
func (o Options) authorityChanged(own *authority.Authority) {
	o.Rollover.Publish(own)
	o.Report.Authority().State(own)
	if current := o.State.Pair(); current != nil && current.Leaf().CheckSignatureFrom(own.Signing()) != nil {
		o.RenewNow.Set()
		o.Changed.Set()
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
