// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/identity"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/serving"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/trust"
)

// candidate is a key pair that is not served yet, and the CA to publish for it.
type candidate struct {
	pair *serving.Pair
	// policy is what to publish for it, as it is by then; nil when the caBundle is somebody else's task.
	policy func() trust.Policy
}

// lastCall is how long before the old certificate's expiry an untrusted new one is served all the same: a certificate
// that may not be trusted yet is better than one that certainly no longer is.
const lastCall = time.Minute

// adopt takes a candidate to where it is served: verified against its own CA first (a CA that does not verify the leaf
// is never written), published, and served once the live caBundle verifies it. With no certificate served so far there
// is nothing to wait for.
func (b *Bootstrapper) adopt(ctx context.Context, next candidate) error {
	if next.policy != nil {
		if err := next.policy().Bundle.Verify(next.pair.Chain(), b.serverName(), time.Now()); err != nil {
			return err
		}
		b.publish(next.policy)
	}
	current := b.state.Pair()
	if next.pair.Equal(current) {
		return nil
	}
	if current != nil {
		if err := b.awaitTrust(ctx, current, next.pair); err != nil {
			return err
		}
	} else if b.once {
		if err := b.awaitFirstTrust(ctx, next.pair); err != nil {
			return err
		}
	}
	if err := b.deliver(ctx, next.pair); err != nil {
		return err
	}
	b.serve(ctx, next.pair)
	if next.policy != nil {
		b.publish(next.policy)
	}
	return nil
}

// publish hands the policy to the injector. While the certificate that is being served is signed by a CA that the
// policy leaves out, that CA stays: old trust leaves last. Policies are read and handed over one at a time, lest an
// older one be published after a newer.
func (b *Bootstrapper) publish(read func() trust.Policy) {
	b.publishing.Lock()
	defer b.publishing.Unlock()
	policy := read()
	if current := b.state.Pair(); policy.Exact && current != nil {
		policy.Exact = policy.Bundle.Verify(current.Chain(), b.serverName(), time.Now()) == nil
	}
	b.injector.Publish(policy)
	if b.publisher != nil {
		b.publisher.Publish(policy)
	}
}

// propagation is how long a changed caBundle is given to reach every API server of the control plane: each follows the
// configuration with a watch of its own, and we have seen only what one of them has.
const propagation = 2 * time.Second

// awaitTrust blocks until the live caBundle verifies next, until current is about to expire, or until ctx ends.
func (b *Bootstrapper) awaitTrust(ctx context.Context, current, next *serving.Pair) error {
	started := time.Now()
	if b.injector.Verify(next.Chain(), b.serverName(), started) == nil {
		return nil // The usual renewal: the same CA, trusted all along.
	}
	for {
		nap := napUntil(current.Leaf().NotAfter.Add(-lastCall), time.Now())
		if nap <= 0 {
			reason := b.injector.Verify(next.Chain(), b.serverName(), time.Now())
			b.untrusted(reason)
			klog.FromContext(ctx).Info("Serving a certificate that the live caBundle does not verify, because the old "+
				"one expires", "reason", reason, "old", current, "new", next)
			return nil
		}
		napCtx, cancel := context.WithTimeout(ctx, nap)
		err := b.injector.WaitVerified(napCtx, next.Chain(), b.serverName())
		cancel()
		if err == nil {
			b.phase(ctx, phaseTrusted, time.Since(started), "certificate", next)
			return pause(ctx, propagation)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.failed(phaseTrusted, err)
		klog.FromContext(ctx).Info("The new certificate waits for the live caBundle; the old one keeps serving",
			"reason", err.Error())
	}
}

// serve swaps the pair in. Connections that stand keep theirs; every new handshake gets this one.
func (b *Bootstrapper) serve(ctx context.Context, pair *serving.Pair, keysAndValues ...any) {
	first := b.state.Pair() == nil
	b.state.Set(pair)
	leaf := pair.Leaf()
	b.servedLeaf(leaf, first)
	keysAndValues = append([]any{"certificate", pair, "notAfter", leaf.NotAfter}, keysAndValues...)
	b.phase(ctx, phaseServed, time.Since(b.started), keysAndValues...)
	if first {
		close(b.served)
	}
}

func (b *Bootstrapper) serverName() string {
	return identity.Identity{Service: b.options.Service, Namespace: b.options.Namespace}.ServerName()
}
